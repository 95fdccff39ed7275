// @ts-check
/**
 * Attachments of encrypted messages: IV (16), AES-256-CBC, HMAC-SHA256 (32) over both. `key` is 32
 * bytes for AES and 32 for HMAC, `digest` the SHA-256 of all that is stored [C].
 */

import { decodeBase64, encodeBase64 } from './base64.js';

const IV = 16;
const MAC = 32;
const AES = 32;

/**
 * @param {ArrayBuffer} stored
 * @param {string} key base64
 * @param {string} digest base64
 * @returns {Promise<ArrayBuffer>}
 * @throws {Error} these are not the bytes that the message speaks of, or not with this key
 */
export async function decryptAttachment(stored, key, digest) {
  const found = encodeBase64(new Uint8Array(await crypto.subtle.digest('SHA-256', stored)));
  if (found !== encodeBase64(decodeBase64(digest))) throw new Error('the digest differs');
  const { aes, hmac } = await importKeys(decodeBase64(key));
  const signed = stored.slice(0, -MAC);
  if (!(await crypto.subtle.verify('HMAC', hmac, stored.slice(-MAC), signed))) {
    throw new Error('the HMAC differs');
  }
  return crypto.subtle.decrypt({ name: 'AES-CBC', iv: signed.slice(0, IV) }, aes, signed.slice(IV));
}

/**
 * @param {ArrayBuffer} plain
 * @returns {Promise<{stored: Blob, key: string, digest: string}>} with a new key
 */
export async function encryptAttachment(plain) {
  const key = crypto.getRandomValues(new Uint8Array(2 * AES));
  const iv = crypto.getRandomValues(new Uint8Array(IV));
  const { aes, hmac } = await importKeys(key);
  const encrypted = await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, aes, plain);
  const signed = await new Blob([iv, encrypted]).arrayBuffer();
  const stored = new Blob([signed, await crypto.subtle.sign('HMAC', hmac, signed)]);
  const digest = await crypto.subtle.digest('SHA-256', await stored.arrayBuffer());
  return { stored, key: encodeBase64(key), digest: encodeBase64(new Uint8Array(digest)) };
}

/** @param {Uint8Array<ArrayBuffer>} key */
async function importKeys(key) {
  if (!crypto.subtle) throw new Error('browsers decrypt only on https or on this machine');
  const [aes, hmac] = await Promise.all([
    crypto.subtle.importKey('raw', key.slice(0, AES), 'AES-CBC', false, ['encrypt', 'decrypt']),
    crypto.subtle.importKey('raw', key.slice(AES), { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign', 'verify',
    ]),
  ]);
  return { aes, hmac };
}
