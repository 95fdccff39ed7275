// @ts-check
/** Command lines that run a bot with a keystore that was saved here. Pure. */

const FOLDER = '~/Downloads';
const NEXT = ' &&\n'; // a shell goes on reading after it

/**
 * @param {string} name any text
 * @param {string} otherwise
 * @returns {string} letters, digits and `-`, beginning with a letter
 */
function slug(name, otherwise) {
  const words = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^[-0-9]+/, '');
  return words.slice(0, 32).replace(/-+$/, '') || otherwise;
}

/**
 * @param {{full_name: string}} bot
 * @param {string} sessionId
 * @returns {string} a file's name, another one for each session
 */
export const keystoreFile = (bot, sessionId) =>
  `keystore-${slug(bot.full_name, 'bot')}-${sessionId.slice(0, 8)}.json`;

/**
 * @param {string} server the sandbox's address
 * @param {string} file
 * @returns {string} what runs the echo bot of the demo
 */
export const echoCommand = (server, file) =>
  [
    `chmod 600 ${FOLDER}/${file}`,
    `BLAZEBOT_SERVER=${server} BLAZEBOT_KEYSTORE=${FOLDER}/${file} blazebot run blazebot.demo.echo`,
  ].join(NEXT);

/**
 * @param {string} server
 * @param {string} file
 * @param {{full_name: string}} bot
 * @returns {string} what makes a project of one's own, and runs it
 */
export function projectCommand(server, file, bot) {
  const words = slug(bot.full_name, 'my');
  const project = words.endsWith('-bot') ? words : `${words}-bot`;
  return [
    `blazebot new ${project}`,
    `cd ${project}`,
    `mv ${FOLDER}/${file} keystore.json`,
    'chmod 600 keystore.json',
    `BLAZEBOT_SERVER=${server} blazebot run ${project.replaceAll('-', '_')}.bot`,
  ].join(NEXT);
}
