// Package asks is how a bot on a Go client is asked: a line of JSON on standard input, a line on
// standard output.
package asks

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
)

// Ask is what a bot may be asked; what a name does not need is empty.
type Ask struct {
	ID             int             `json:"id"`
	Do             string          `json:"do"`
	To             string          `json:"to"`
	Category       string          `json:"category"`
	Content        json.RawMessage `json:"content"`
	Text           string          `json:"text"`
	Data           []byte          `json:"data"`
	Name           string          `json:"name"`
	Action         string          `json:"action"`
	UserID         string          `json:"user_id"`
	UserIDs        []string        `json:"user_ids"`
	ConversationID string          `json:"conversation_id"`
	CodeID         string          `json:"code_id"`
	Query          string          `json:"query"`
	Code           string          `json:"code"`
	ClientSecret   string          `json:"client_secret"`
}

// Bytes returns the content as a message carries it: text, or JSON.
func (ask Ask) Bytes() []byte {
	var text string
	if json.Unmarshal(ask.Content, &text) == nil {
		return []byte(text)
	}
	return ask.Content
}

// Answer does what is asked.
type Answer func(Ask) (any, error)

// Keystore is what the file holds that is the first argument.
type Keystore struct {
	ClientID   string `json:"client_id"`
	SessionID  string `json:"session_id"`
	PrivateKey string `json:"private_key"`
	PinToken   string `json:"pin_token"`
}

// ReadKeystore reads it, or ends the process.
func ReadKeystore() Keystore {
	var keystore Keystore
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(text, &keystore)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return keystore
}

type said struct {
	ID      int     `json:"id,omitempty"`
	Version string  `json:"version,omitempty"`
	Answer  any     `json:"answer,omitempty"`
	Error   *string `json:"error,omitempty"`
}

// Serve answers asks by the functions of their names until standard input ends. First it says
// which version of module the bot is built with.
func Serve(module string, answers map[string]Answer) {
	var mutex sync.Mutex
	write := func(one said) {
		line, _ := json.Marshal(one)
		mutex.Lock()
		defer mutex.Unlock()
		os.Stdout.Write(append(line, '\n'))
	}
	write(said{Version: versionOf(module)})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var ask Ask
		if err := json.Unmarshal(lines.Bytes(), &ask); err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		go func() {
			answer, err := do(ask, answers)
			if err != nil {
				words := ask.Do + ": " + err.Error()
				write(said{ID: ask.ID, Error: &words})
				return
			}
			write(said{ID: ask.ID, Answer: answer})
		}()
	}
}

func do(ask Ask, answers map[string]Answer) (any, error) {
	answer, known := answers[ask.Do]
	if !known {
		return nil, errors.New("this client has no such thing")
	}
	return answer(ask)
}

func versionOf(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "unknown"
}

// Put uploads bytes as clients do that leave this to their users.
func Put(address string, data []byte) error {
	request, err := http.NewRequest(http.MethodPut, address, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	request.Header.Set("x-amz-acl", "public-read")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("upload: %s", answer.Status)
	}
	return nil
}
