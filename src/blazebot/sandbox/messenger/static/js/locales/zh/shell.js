// @ts-check
export default {
  close: '关闭',
  connection_connecting: '连接中…',
  connection_lost: '连接已断开，正在重试…',
  connection_open: '已连接',
  connection_refused: '沙盒需要令牌：请打开它启动时显示的地址。',
  copied: '已复制',
  copy_yourself: '已选中，请按 Ctrl+C 复制',
  dashboard: '机器人',
  language: '语言',
  messenger: '聊天',
  places: '页面',
  theme: '浅色或深色',
  unreachable: '无法连接沙盒，它在运行吗？',
  wire: '线路',
};
