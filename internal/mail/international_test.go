package mail

import "testing"

func TestNeedsUTF8(t *testing.T) {
	const multipart = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	for _, tt := range []struct {
		name, content string
		want          bool
	}{
		{"nothing", "", false},
		{"ascii", "Subject: =?utf-8?q?=C3=A9?=\r\n\r\nx\r\n", false},
		{"body", "Subject: x\r\n\r\né\r\n", false},
		{"header", "Subject: é\r\n\r\nx\r\n", true},
		{"name of a file", multipart + "Content-Disposition: attachment; filename=é\r\n\r\nx\r\n--b--\r\n", true},
		{"part's body", multipart + "Content-Type: text/plain\r\n\r\né\r\n--b--\r\n", false},
		{"message within", multipart + "Content-Type: message/global\r\n\r\nSubject: é\r\n\r\nx\r\n--b--\r\n", false},
		{"header of a message within", multipart + "Content-Type: message/global\r\nContent-Description: é\r\n\r\nSubject: x\r\n\r\nx\r\n--b--\r\n", true},
	} {
		if got := NewMessage([]byte(tt.content)).NeedsUTF8(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
