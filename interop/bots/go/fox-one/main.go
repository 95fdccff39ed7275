// A bot on fox-one's Go client: it echoes texts, thanks for transfers, and does what it is asked.
//
// The client checks that each answer carries the id of its request, and on behalf of a person also
// the service's signature under it.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/fox-one/mixin-sdk-go"

	"interop/asks"
)

var (
	ctx    = context.Background()
	client *mixin.Client
)

func newID() string { return mixin.RandomTraceID() }

type listener struct{}

func (listener) OnAckReceipt(context.Context, *mixin.MessageView, string) error { return nil }

func (listener) OnMessage(ctx context.Context, msg *mixin.MessageView, _ string) error {
	data, err := base64.RawURLEncoding.DecodeString(msg.DataBase64)
	if err != nil {
		return err
	}
	switch msg.Category {
	case mixin.MessageCategoryPlainText:
		return echo(ctx, msg, data)
	case mixin.MessageCategorySystemAccountSnapshot:
		var transfer mixin.TransferView
		if err := json.Unmarshal(data, &transfer); err != nil {
			return err
		}
		return sendTo(ctx, msg.ConversationID, msg.UserID, mixin.MessageCategoryPlainText,
			[]byte("Thank you for "+transfer.Amount))
	}
	return nil
}

// echo answers encrypted where all of the person's sessions can read that.
func echo(ctx context.Context, msg *mixin.MessageView, data []byte) error {
	sessions, err := client.FetchSessions(ctx, []string{msg.UserID})
	if err != nil {
		return err
	}
	request := &mixin.MessageRequest{
		ConversationID: msg.ConversationID,
		RecipientID:    msg.UserID,
		MessageID:      newID(),
		Category:       mixin.MessageCategoryPlainText,
		DataBase64:     base64.RawURLEncoding.EncodeToString(data),
	}
	if err := client.EncryptMessageRequest(request, sessions); err != nil {
		return err
	}
	receipts, err := client.SendEncryptedMessages(ctx, []*mixin.MessageRequest{request})
	if err != nil {
		return err
	}
	for _, receipt := range receipts {
		if receipt.State != mixin.EncryptedMessageReceiptStateSuccess {
			return errors.New("the encrypted message failed")
		}
	}
	return nil
}

func sendTo(ctx context.Context, conversation, to, category string, data []byte) error {
	return client.SendMessage(ctx, &mixin.MessageRequest{
		ConversationID: conversation,
		RecipientID:    to,
		MessageID:      newID(),
		Category:       category,
		Data:           base64.StdEncoding.EncodeToString(data),
	})
}

func loop() {
	for {
		if err := client.LoopBlaze(ctx, listener{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func send(ask asks.Ask) (any, error) {
	conversation := mixin.UniqueConversationID(client.ClientID, ask.To)
	return nil, sendTo(ctx, conversation, ask.To, ask.Category, ask.Bytes())
}

func say(ask asks.Ask) (any, error) {
	return nil, sendTo(ctx, ask.ConversationID, "", mixin.MessageCategoryPlainText, []byte(ask.Text))
}

func createGroup(ask asks.Ask) (any, error) {
	var participants []*mixin.Participant
	for _, id := range ask.UserIDs {
		participants = append(participants, &mixin.Participant{UserID: id})
	}
	return client.CreateGroupConversation(ctx, ask.ConversationID, ask.Name, participants)
}

func participants(ask asks.Ask) (any, error) {
	switch ask.Action {
	case mixin.ParticipantActionAdd:
		return client.AddParticipants(ctx, ask.ConversationID, ask.UserIDs...)
	case mixin.ParticipantActionRemove:
		return client.RemoveParticipants(ctx, ask.ConversationID, ask.UserIDs...)
	}
	return client.AdminParticipants(ctx, ask.ConversationID, ask.UserIDs...)
}

func upload(ask asks.Ask) (any, error) {
	attachment, err := client.CreateAttachment(ctx)
	if err != nil {
		return nil, err
	}
	return attachment, mixin.UploadAttachment(ctx, attachment, ask.Data)
}

func code(ask asks.Ask) (any, error) {
	found, err := client.GetCode(ctx, ask.CodeID)
	if err != nil {
		return nil, err
	}
	return found.Conversation(), nil
}

func authorize(ask asks.Ask) (any, error) {
	granted, err := mixin.AuthorizeEd25519(
		ctx, client.ClientID, ask.ClientSecret, ask.Code, "", mixin.GenerateEd25519Key())
	if err != nil {
		return nil, err
	}
	person, err := mixin.NewFromOauthKeystore(granted)
	if err != nil {
		return nil, err
	}
	return person.UserMe(ctx)
}

func main() {
	keystore := asks.ReadKeystore()
	var err error
	client, err = mixin.NewFromKeystore(&mixin.Keystore{
		ClientID:   keystore.ClientID,
		SessionID:  keystore.SessionID,
		PrivateKey: keystore.PrivateKey,
		PinToken:   keystore.PinToken,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go loop()
	asks.Serve("github.com/fox-one/mixin-sdk-go", map[string]asks.Answer{
		"send": send,
		"say":  say,
		"create_contact": func(ask asks.Ask) (any, error) {
			return client.CreateContactConversation(ctx, ask.UserID)
		},
		"create_group": createGroup,
		"participants": participants,
		"upload":       upload,
		"me":           func(asks.Ask) (any, error) { return client.UserMe(ctx) },
		"user":         func(ask asks.Ask) (any, error) { return client.ReadUser(ctx, ask.UserID) },
		"users": func(ask asks.Ask) (any, error) {
			return client.ReadUsers(ctx, ask.UserIDs...)
		},
		"search":    func(ask asks.Ask) (any, error) { return client.SearchUser(ctx, ask.Query) },
		"code":      code,
		"befriend":  func(ask asks.Ask) (any, error) { return client.AddFriend(ctx, ask.UserID, "") },
		"unfriend":  func(ask asks.Ask) (any, error) { return client.RemoveFriend(ctx, ask.UserID) },
		"friends":   func(asks.Ask) (any, error) { return client.ReadFriends(ctx) },
		"authorize": authorize,
	})
}
