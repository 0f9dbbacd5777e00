package mail

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// The parts of reading a mail that see its text as it was written.
func FuzzLetter(f *testing.F) {
	for _, text := range []string{
		"Name: Kim\nEmail: kim@example.com\n\nMessage:\nHello\n\nBye",
		"---------- Forwarded message ---------\nFrom: Kim <kim@example.com>\nDate: x\nSubject: y\n\n> a\n>> b\n-- \nfooter",
		"From: a\nSent: b\nTo: c\nSubject: d\n\nx", "On Monday Kim wrote:\n> a\n\n*Phone:* (office) 202-555-0142 <tel:+1>", ":\n：\n> >\r\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := readLetter(text)
		if len(l.text) > len(text) {
			t.Error("a letter longer than its mail")
		}
		found := parseNotification(l.text, nil)
		if len(found) > maxFound {
			t.Errorf("%d fields", len(found))
		}
		for _, field := range found {
			if strings.TrimSpace(field.Values[0]) == "" {
				t.Errorf("field %q is empty", field.Name)
			}
		}
		isNotification(found, text, false)
		address(text)
		readPhone(text, "US")
	})
}

// Reading HTML never yields more than a little more than it was given, and
// valid text of valid text.
func FuzzHTML(f *testing.F) {
	for _, text := range []string{
		"<p>Hello<br>Kim &amp; Lee</p>", "<table><tr><td>Email<td>kim@example.com<tr><th>Phone:<td>1</table>",
		"<style>a</style><script>b</script><title>c</title><body>d", "<tr><td><table><tr><td>a</td></tr></table></td><td>b",
		"<!-- --><!a><?b?></p><a b=c d='e\" f>", "<textarea></text<xmp></plaintext>", "&#x110000;&#0;&notit;&",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, source string) {
		text := textOf(source)
		if len(text) > 4*len(source)+16 {
			t.Errorf("%d bytes became %d", len(source), len(text))
		}
		if utf8.ValidString(source) && !utf8.ValidString(text) {
			t.Error("not valid UTF-8")
		}
	})
}
