// @ts-check
/** Base64 in every form that is met on the wire. */

/**
 * @param {string} text either alphabet, padded or not
 * @returns {Uint8Array<ArrayBuffer>}
 * @throws {DOMException} it is malformed
 */
export function decodeBase64(text) {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/').replace(/[=\s]+$/, ''));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

/**
 * @param {Uint8Array} bytes
 * @returns {string} standard padded base64
 */
export function encodeBase64(bytes) {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
