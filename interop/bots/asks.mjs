// How a bot on a Node client is asked: a line of JSON on standard input, a line on standard output.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

/** The version of an installed package, from its own package.json. */
export function versionOf(name, from) {
  let folder = dirname(createRequire(from).resolve(name));
  for (;;) {
    try {
      const { name: found, version } = JSON.parse(readFileSync(join(folder, 'package.json')));
      if (found === name) return version;
    } catch {
      // the file is in a folder above
    }
    folder = dirname(folder);
  }
}

/** The keystore whose file is the first argument. */
export const keystore = JSON.parse(readFileSync(process.argv[2]));

/** Answer asks by the functions of their names, until standard input ends. */
export function serve(version, asks) {
  // Clients let requests fail where nobody can catch it; Node would end the process.
  process.on('unhandledRejection', (error) => console.error(String(error)));
  const write = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
  write({ version });
  const lines = createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const { id, do: name, ...given } = JSON.parse(line);
    try {
      write({ id, answer: (await asks[name](given)) ?? null });
    } catch (error) {
      write({ id, error: `${name}: ${error?.message ?? JSON.stringify(error)}` });
    }
  });
  lines.on('close', () => process.exit());
}
