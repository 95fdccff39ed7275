// A bot on the official Node SDK: it echoes texts, thanks for transfers, and does what it is asked.

import { MixinApi, base64RawURLEncode, getED25519KeyPair } from '@mixin.dev/mixin-node-sdk';
import { BlazeKeystoreClient } from '@mixin.dev/mixin-node-sdk/blaze';
import { randomUUID } from 'node:crypto';
import { keystore, serve, versionOf } from '../asks.mjs';

const client = MixinApi({ keystore });
const { message, conversation, user } = client;

const senders = {
  PLAIN_TEXT: message.sendText,
  PLAIN_POST: message.sendPost,
  PLAIN_IMAGE: message.sendImage,
  PLAIN_VIDEO: message.sendVideo,
  PLAIN_AUDIO: message.sendAudio,
  PLAIN_DATA: message.sendFile,
  PLAIN_STICKER: message.sendSticker,
  PLAIN_CONTACT: message.sendContact,
  PLAIN_LIVE: message.sendLive,
  PLAIN_LOCATION: message.sendLocation,
  APP_CARD: message.sendAppCard,
  APP_BUTTON_GROUP: message.sendAppButton,
  MESSAGE_RECALL: message.sendRecall,
  SYSTEM_ACCOUNT_SNAPSHOT: message.sendTransfer,
};

const changes = {
  ADD: conversation.addParticipants,
  REMOVE: conversation.removeParticipants,
  ROLE: conversation.setAdmin,
};

async function authorize({ code, client_secret }) {
  const { seed, publicKey } = getED25519KeyPair();
  const { scope, authorization_id } = await MixinApi().oauth.getToken({
    client_id: keystore.app_id,
    code,
    client_secret,
    ed25519: base64RawURLEncode(publicKey),
  });
  const granted = {
    app_id: keystore.app_id,
    scope,
    authorization_id,
    session_private_key: Buffer.from(seed).toString('hex'),
  };
  return MixinApi({ keystore: granted }).user.profile();
}

BlazeKeystoreClient(keystore, { parse: true, syncAck: true }).loop({
  async onMessage({ category, user_id, data }) {
    // What looks like JSON comes parsed.
    if (category === 'PLAIN_TEXT') await message.sendText(user_id, String(data));
  },
  async onTransfer({ data }) {
    await message.sendText(data.opponent_id, `Thank you for ${data.amount}`);
  },
  onAckReceipt() {},
  onConversation() {},
});

serve(versionOf('@mixin.dev/mixin-node-sdk', import.meta.url), {
  send: ({ to, category, content }) => senders[category](to, content),
  say: ({ conversation_id, text }) =>
    message.sendOne({
      conversation_id,
      message_id: randomUUID(),
      category: 'PLAIN_TEXT',
      data_base64: base64RawURLEncode(text),
    }),
  create_contact: ({ user_id }) => conversation.createContact(user_id),
  create_group: ({ conversation_id, name, user_ids }) =>
    conversation.createGroup(conversation_id, name, user_ids.map((user_id) => ({ user_id }))),
  participants: ({ conversation_id, action, user_ids }) =>
    changes[action](conversation_id, user_ids),
  join: ({ code_id }) => conversation.joinGroup(code_id),
  exit: ({ conversation_id }) => conversation.exitGroup(conversation_id),
  upload: ({ data }) => client.attachment.upload(new File([Buffer.from(data, 'base64')], 'file')),
  me: () => user.profile(),
  user: ({ user_id }) => user.fetch(user_id),
  users: ({ user_ids }) => user.fetchList(user_ids),
  search: ({ query }) => user.search(query),
  code: ({ code_id }) => client.code.fetch(code_id),
  befriend: ({ user_id }) => user.updateRelationships({ user_id, action: 'ADD' }),
  unfriend: ({ user_id }) => user.updateRelationships({ user_id, action: 'REMOVE' }),
  friends: () => user.friends(),
  authorize,
});
