// The official Node SDK: receives texts, and acknowledges each as it does by itself.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { sendRaw, websocket } = createRequire(process.env.BENCH_PACKAGES)(
  '@mixin.dev/mixin-node-sdk/blaze',
);

const keystore = JSON.parse(process.env.BENCH_KEYSTORE);
const url = process.argv[2].replace('https:', 'wss:');
const lines = createInterface({ input: process.stdin });
const line = () => new Promise((resolve) => lines.once('line', resolve));

let cpu;
const socket = websocket(keystore, url, { async onMessage() {} }, { parse: true, syncAck: true });
socket.onopen = async () => {
  await sendRaw(socket, { id: crypto.randomUUID(), action: 'LIST_PENDING_MESSAGES' });
  cpu = process.cpuUsage();
  console.log('ready');
  await line();
  const { user, system } = process.cpuUsage(cpu);
  const peak_mb = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify({ cpu_seconds: (user + system) / 1e6, peak_mb }));
  await line();
  process.exit();
};
