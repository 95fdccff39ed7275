// @ts-check
export default {
  close: '閉じる',
  connection_connecting: '接続中…',
  connection_lost: '切断されました。再接続しています…',
  connection_open: '接続済み',
  connection_refused: 'トークンが必要です。サンドボックスが起動時に表示したアドレスを開いてください。',
  copied: 'コピーしました',
  copy_yourself: '選択しました。Ctrl+C でコピーしてください',
  dashboard: 'ボット',
  language: '言語',
  messenger: 'トーク',
  places: 'ページ',
  theme: 'ライト／ダーク',
  unreachable: 'サンドボックスに接続できません。起動していますか？',
  wire: '通信',
};
