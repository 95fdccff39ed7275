// @ts-check
export default {
  close: 'Close',
  connection_connecting: 'Connecting…',
  connection_lost: 'Connection lost, trying again…',
  connection_open: 'Connected',
  connection_refused: 'The sandbox wants its token: open the address that it showed at its start.',
  copied: 'Copied',
  copy_yourself: 'Selected: copy it with Ctrl+C',
  dashboard: 'Dashboard',
  language: 'Language',
  messenger: 'Messenger',
  places: 'Places',
  theme: 'Light or dark',
  unreachable: 'The sandbox cannot be reached. Is it running?',
  wire: 'Wire',
};
