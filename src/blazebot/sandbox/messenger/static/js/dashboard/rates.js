// @ts-check
/** Messages a second, made of counts that only grow. Pure: time is passed in. */

const KEPT = 60;

/**
 * @typedef {{at: number, sent: number, pushed: number, sentRate: number, pushedRate: number}} Rate
 *   counts at a time in ms, and how many a second there were since the look before
 */

/**
 * @param {Map<string, Rate[]>} known by bot
 * @param {{user_id: string, sent: number, pushed: number}[]} bots
 * @param {number} at
 * @returns {Map<string, Rate[]>} the last looks at each bot, the oldest first
 */
export const nextRates = (known, bots, at) =>
  new Map(bots.map((bot) => {
    const before = known.get(bot.user_id) ?? [];
    return [bot.user_id, [...before.slice(1 - KEPT), rateOf(bot, before.at(-1), at)]];
  }));

/**
 * @param {{sent: number, pushed: number}} bot
 * @param {Rate | undefined} last
 * @param {number} at
 * @returns {Rate}
 */
function rateOf({ sent, pushed }, last, at) {
  const seconds = last ? Math.max(at - last.at, 1) / 1000 : Infinity;
  return {
    at,
    sent,
    pushed,
    sentRate: growth(sent, last?.sent ?? 0) / seconds,
    pushedRate: growth(pushed, last?.pushed ?? 0) / seconds,
  };
}

/**
 * @param {number} now
 * @param {number} before a restarted sandbox counts from 0 again
 */
const growth = (now, before) => (now < before ? now : now - before);
