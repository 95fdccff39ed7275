// @ts-check
/** What there is to say of a picture, video or audio file, found by the browser. */

import { encodeBase64 } from '../messages/base64.js';

const SIDE = 100; // pixels of a thumbnail
const QUALITY = 0.6;
const LEVELS = 63; // of a waveform, as the phones' voice messages have [C]
const RATE = 8000;
const DECODED_BYTES = 50e6;
const PATIENCE_MS = 5000;

/**
 * @typedef {object} Facts
 * @property {string} category the one that the file is sent as
 * @property {Record<string, any>} fields of its content
 */

/**
 * Return what a file is; what the browser cannot read is a mere file. Never fails.
 * @param {File} file
 * @returns {Promise<Facts>}
 */
export async function factsOf(file) {
  const examine = EXAMINERS[file.type.split('/')[0]];
  try {
    if (examine) return await within(examine(file));
  } catch {
    // it is broken, or of a kind that this browser does not know
  }
  return fileFacts(file);
}

/**
 * @param {File} file
 * @returns {Facts} what to say of it as a mere file
 */
export const fileFacts = (file) => ({ category: 'PLAIN_DATA', fields: { name: file.name || 'file' } });

/** @type {Record<string, (file: File) => Promise<Facts>>} */
const EXAMINERS = { image: pictureFacts, video: videoFacts, audio: audioFacts };

/** @param {File} file */
async function pictureFacts(file) {
  const picture = await createImageBitmap(file);
  const { width, height } = picture;
  const thumbnail = thumbnailOf(picture, width, height);
  picture.close();
  return { category: 'PLAIN_IMAGE', fields: { width, height, thumbnail } };
}

/** @param {File} file */
async function videoFacts(file) {
  const url = URL.createObjectURL(file);
  const video = Object.assign(document.createElement('video'), { muted: true, preload: 'auto' });
  try {
    const loaded = event(video, 'loadeddata');
    video.src = url;
    await loaded;
    const { videoWidth: width, videoHeight: height } = video;
    if (!width) throw new Error('it has no picture');
    const duration = Number.isFinite(video.duration) ? Math.round(video.duration * 1000) : 0;
    const thumbnail = thumbnailOf(video, width, height);
    return { category: 'PLAIN_VIDEO', fields: { width, height, duration, thumbnail } };
  } finally {
    video.removeAttribute('src');
    URL.revokeObjectURL(url);
  }
}

/** @param {File} file */
async function audioFacts(file) {
  if (file.size > DECODED_BYTES) return { category: 'PLAIN_AUDIO', fields: { duration: 0 } };
  const decoder = new OfflineAudioContext(1, 1, RATE);
  const sound = await decoder.decodeAudioData(await file.arrayBuffer());
  return {
    category: 'PLAIN_AUDIO',
    fields: {
      duration: Math.round(sound.duration * 1000),
      waveform: encodeBase64(levelsOf(sound.getChannelData(0))),
    },
  };
}

/**
 * Return the loudest sample of each of 63 equal parts, the loudest of all being 255.
 * @param {Float32Array} samples from -1 to 1
 * @returns {Uint8Array}
 */
function levelsOf(samples) {
  const peaks = Array.from({ length: LEVELS }, (_, part) => {
    let peak = 0;
    const end = Math.floor(((part + 1) * samples.length) / LEVELS);
    for (let at = Math.floor((part * samples.length) / LEVELS); at < end; at++) {
      peak = Math.max(peak, Math.abs(samples[at]));
    }
    return peak;
  });
  const loudest = Math.max(...peaks) || 1;
  return Uint8Array.from(peaks, (peak) => Math.round((peak * 255) / loudest));
}

/**
 * @param {CanvasImageSource} picture
 * @param {number} width
 * @param {number} height
 * @returns {string} a small JPEG in base64
 */
function thumbnailOf(picture, width, height) {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const drawing = canvas.getContext('2d');
  if (!drawing) throw new Error('nothing can be drawn');
  drawing.fillStyle = '#fff'; // behind what is transparent: a JPEG has no such thing
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/jpeg', QUALITY).split(',')[1];
}

/**
 * @param {HTMLMediaElement} element
 * @param {string} name
 * @returns {Promise<void>} rejected if the element cannot be loaded
 */
const event = (element, name) => new Promise((resolve, reject) => {
  element.addEventListener(name, () => resolve(), { once: true });
  element.addEventListener('error', () => reject(new Error('it cannot be read')), { once: true });
});

/**
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>} rejected after a while
 */
const within = (promise) => Promise.race([
  promise,
  new Promise((_, reject) => {
    setTimeout(() => reject(new Error('it takes too long')), PATIENCE_MS);
  }),
]);
