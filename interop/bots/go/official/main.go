// A bot on the official Go client: it echoes texts, thanks for transfers, and does what it is asked.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	bot "github.com/MixinNetwork/bot-api-go-client"

	"interop/asks"
)

var (
	keystore = asks.ReadKeystore()
	ctx      = context.Background()
	line     currentLine
)

// currentLine is the client of the live line: there is a new one for each.
type currentLine struct {
	mutex  sync.Mutex
	client *bot.BlazeClient
}

func (l *currentLine) open() *bot.BlazeClient {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.client = bot.NewBlazeClient(keystore.ClientID, keystore.SessionID, keystore.PrivateKey)
	return l.client
}

func (l *currentLine) get() *bot.BlazeClient {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.client
}

type listener struct{ client *bot.BlazeClient }

func (listener) SyncAck() bool { return true }

func (listener) OnAckReceipt(context.Context, bot.MessageView, string) error { return nil }

func (l listener) OnMessage(ctx context.Context, msg bot.MessageView, _ string) error {
	data, err := base64.StdEncoding.DecodeString(msg.Data)
	if err != nil {
		return err
	}
	switch msg.Category {
	case bot.MessageCategoryPlainText:
		return l.client.SendPlainText(ctx, msg, string(data))
	case bot.MessageCategorySystemAccountSnapshot:
		var transfer bot.TransferView
		if err := json.Unmarshal(data, &transfer); err != nil {
			return err
		}
		return l.client.SendPlainText(ctx, msg, "Thank you for "+transfer.Amount)
	}
	return nil
}

func loop() {
	for {
		client := line.open()
		if err := client.Loop(ctx, listener{client}); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func send(ask asks.Ask) (any, error) {
	conversation := bot.UniqueConversationId(keystore.ClientID, ask.To)
	client, id := line.get(), bot.UuidNewV4().String()
	return nil, client.SendMessage(
		ctx, conversation, ask.To, id, ask.Category, string(ask.Bytes()), "")
}

func say(ask asks.Ask) (any, error) {
	data := base64.RawURLEncoding.EncodeToString([]byte(ask.Text))
	return nil, bot.PostMessage(
		ctx, ask.ConversationID, "", bot.UuidNewV4().String(), bot.MessageCategoryPlainText, data,
		keystore.ClientID, keystore.SessionID, keystore.PrivateKey)
}

func createContact(ask asks.Ask) (any, error) {
	return bot.CreateContactConversation(
		ctx, ask.UserID, keystore.ClientID, keystore.SessionID, keystore.PrivateKey)
}

func createGroup(ask asks.Ask) (any, error) {
	var participants []bot.Participant
	for _, id := range ask.UserIDs {
		participants = append(participants, bot.Participant{UserId: id})
	}
	return bot.CreateConversation(
		ctx, "GROUP", ask.ConversationID, ask.Name, "", participants,
		keystore.ClientID, keystore.SessionID, keystore.PrivateKey)
}

func upload(ask asks.Ask) (any, error) {
	attachment, err := bot.CreateAttachment(
		ctx, keystore.ClientID, keystore.SessionID, keystore.PrivateKey)
	if err != nil {
		return nil, err
	}
	return attachment, asks.Put(attachment.UploadUrl, ask.Data)
}

func me(asks.Ask) (any, error) {
	token, err := bot.SignAuthenticationToken(
		keystore.ClientID, keystore.SessionID, keystore.PrivateKey, "GET", "/me", "")
	if err != nil {
		return nil, err
	}
	return bot.UserMe(ctx, token)
}

func user(ask asks.Ask) (any, error) {
	return bot.GetUser(
		ctx, ask.UserID, keystore.ClientID, keystore.SessionID, keystore.PrivateKey)
}

func search(ask asks.Ask) (any, error) {
	return bot.SearchUser(
		ctx, ask.Query, keystore.ClientID, keystore.SessionID, keystore.PrivateKey)
}

func code(ask asks.Ask) (any, error) {
	return bot.ReadCode[*bot.Conversation](ctx, ask.CodeID)
}

func authorize(ask asks.Ask) (any, error) {
	token, _, _, err := bot.OAuthGetAccessToken(
		ctx, keystore.ClientID, ask.ClientSecret, ask.Code, "", "")
	if err != nil {
		return nil, err
	}
	return bot.UserMe(ctx, token)
}

func main() {
	go loop()
	asks.Serve("github.com/MixinNetwork/bot-api-go-client", map[string]asks.Answer{
		"send":           send,
		"say":            say,
		"create_contact": createContact,
		"create_group":   createGroup,
		"upload":         upload,
		"me":             me,
		"user":           user,
		"search":         search,
		"code":           code,
		"authorize":      authorize,
	})
}
