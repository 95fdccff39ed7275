// @ts-check
/** A message's content, by its category. */

import { html, useErrorBoundary, useMemo } from '../ui.js';
import { AppCard } from './app_card.js';
import { Audio } from './audio.js';
import { Buttons } from './buttons.js';
import { Contact } from './contact.js';
import { readContent } from './content.js';
import { File } from './file.js';
import { Image } from './image.js';
import { Live } from './live.js';
import { Location } from './location.js';
import { Post } from './post.js';
import { Recalled, Undecryptable } from './recalled.js';
import { Sticker } from './sticker.js';
import { Pin, System } from './system.js';
import { Text } from './text.js';
import { Transcript } from './transcript.js';
import { Transfer } from './transfer.js';
import { Unknown } from './unknown.js';
import { Video } from './video.js';

/** @typedef {import('../store.js').Message} Message */

/**
 * @typedef {object} Actions what can be done from within a message
 * @property {(conversationId: string) => void} openConversation
 * @property {(messageId: string) => void} jumpTo
 * @property {(text: string) => void} sendText as the person, in the message's conversation
 * @property {(text: string) => void} toast
 */

/**
 * @typedef {object} BodyProps what the component of each kind is given
 * @property {any} value the content, by its kind
 * @property {import('./content.js').Content} content
 * @property {Message} message
 * @property {import('../store.js').User} person who looks at it
 * @property {Actions} actions
 */

/** @type {Record<string, any>} */
const KINDS = {
  text: Text,
  post: Post,
  image: Image,
  video: Video,
  audio: Audio,
  file: File,
  sticker: Sticker,
  contact: Contact,
  location: Location,
  live: Live,
  transcript: Transcript,
  card: AppCard,
  buttons: Buttons,
  transfer: Transfer,
  system: System,
  pin: Pin,
  recall: Recalled,
  recalled: Recalled,
  undecryptable: Undecryptable,
  unknown: Unknown,
};

/** @param {{message: Message, person: import('../store.js').User, actions: Actions}} props */
export function MessageBody({ message, person, actions }) {
  const content = useMemo(
    () => readContent(message),
    [message.category, message.data_base64, message.recalled, message.undecryptable],
  );
  return html`<${Guarded} key=${content} content=${content} message=${message} person=${person} actions=${actions} />`;
}

/**
 * Shows a content, or its bytes if its component fails: no message takes the others with it.
 * @param {Omit<BodyProps, 'value'>} props
 */
function Guarded({ content, ...rest }) {
  const [error] = useErrorBoundary();
  const shown = error ? { ...content, kind: 'unknown', problem: String(error.message) } : content;
  return html`<${KINDS[shown.kind]} value=${shown.value} content=${shown} ...${rest} />`;
}
