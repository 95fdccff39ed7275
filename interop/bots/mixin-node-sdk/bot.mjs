// A bot on the Node SDK before the official one: it can encrypt, and acknowledges by REST.

import sdk from 'mixin-node-sdk';
import { randomUUID } from 'node:crypto';
import { keystore, serve, versionOf } from '../asks.mjs';

const client = new sdk.BlazeClient(keystore, { parse: false, syncAck: true });

const senders = {
  PLAIN_TEXT: 'sendTextMsg',
  PLAIN_POST: 'sendPostMsg',
  PLAIN_IMAGE: 'sendImageMsg',
  PLAIN_VIDEO: 'sendVideoMsg',
  PLAIN_AUDIO: 'sendAudioMsg',
  PLAIN_DATA: 'sendDataMsg',
  PLAIN_STICKER: 'sendStickerMsg',
  PLAIN_CONTACT: 'sendContactMsg',
  PLAIN_LIVE: 'sendLiveMsg',
  PLAIN_LOCATION: 'sendLocationMsg',
  APP_CARD: 'sendAppCardMsg',
  APP_BUTTON_GROUP: 'sendAppButtonMsg',
  MESSAGE_RECALL: 'sendRecallMsg',
};

/** Errors are returned by this client, not thrown. */
async function done(promise) {
  const answer = await promise;
  if (answer?.code && answer.description) throw new Error(JSON.stringify(answer));
  return answer;
}

const text = (data) => Buffer.from(data, 'base64').toString();

client.loopBlaze({
  async onMessage({ category, user_id, data }) {
    if (category === 'PLAIN_TEXT') await done(client.sendTextMsg(user_id, text(data)));
    if (category === 'ENCRYPTED_TEXT') await done(client.sendEncryptTextMsg(user_id, text(data)));
  },
  async onTransfer({ data }) {
    const { opponent_id, amount } = JSON.parse(text(data));
    await done(client.sendTextMsg(opponent_id, `Thank you for ${amount}`));
  },
  onAckReceipt() {},
  onConversation() {},
});

async function authorize({ code, client_secret }) {
  const { access_token } = await done(client.authorizeToken(code, client_secret));
  return done(sdk.userMe(access_token));
}

serve(versionOf('mixin-node-sdk', import.meta.url), {
  send: ({ to, category, content }) => done(client[senders[category]](to, content)),
  say: ({ conversation_id, text: words }) =>
    done(
      client.sendMessage({
        conversation_id,
        message_id: randomUUID(),
        category: 'PLAIN_TEXT',
        data: Buffer.from(words).toString('base64'),
      }),
    ),
  create_contact: ({ user_id }) => done(client.createContactConversation(user_id)),
  create_group: ({ conversation_id, name, user_ids }) =>
    done(
      client.createGroupConversation(
        conversation_id,
        name,
        user_ids.map((user_id) => ({ user_id })),
      ),
    ),
  participants: ({ conversation_id, action, user_ids }) => {
    const change = { ADD: 'addParticipants', REMOVE: 'removeParticipants', ROLE: 'adminParticipants' };
    return done(client[change[action]](conversation_id, user_ids));
  },
  upload: ({ data }) => done(client.uploadFile(Buffer.from(data, 'base64'))),
  me: () => done(client.userMe()),
  user: ({ user_id }) => done(client.readUser(user_id)),
  users: ({ user_ids }) => done(client.readUsers(user_ids)),
  search: ({ query }) => done(client.searchUser(query)),
  befriend: ({ user_id }) => done(client.modifyRelationships({ user_id, action: 'ADD' })),
  unfriend: ({ user_id }) => done(client.modifyRelationships({ user_id, action: 'REMOVE' })),
  friends: () => done(client.readFriends()),
  authorize,
});
