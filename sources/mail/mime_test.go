package mail

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leadgate/leadgate/ingest"
)

func TestDecodeText(t *testing.T) {
	t.Parallel()
	f := func(text, charset, want string) {
		t.Helper()
		if got := decodeText([]byte(text), charset, new(guesser)); got != want {
			t.Errorf("%q in %q: got %q, want %q", text, charset, got, want)
		}
	}
	f("abc", "", "abc")
	f("J\xfcrgen", "iso-8859-1", "Jürgen")
	f("Jürgen", "iso-8859-1", "Jürgen") // said wrong
	f("\ufeffa", "utf-8", "a")
	f("\xc8\xec\xff", "windows-1251", "Имя")
	f("\xe9\xcd\xd1", "KOI8-R", "Имя")
	f("\xc4\xe3\xba\xc3", "gbk", "你好")
	f("\xcb\xce", "gb2312", "宋") // also valid UTF-8
	f("\x1b$B$3$s\x1b(B", "iso-2022-jp", "こん")
	f("\xff\xfea\x00b\x00", "", "ab")
	f("\x00a\x00b", "utf-16be", "ab")
	f("\xff\xfe\x3d\xd8", "", "\uFFFD") // half a pair
	f("na\xefve", "no-such-charset", "naïve")
	f("\xd0\x9f\xff", "utf-8", decodeText([]byte("\xd0\x9f\xff"), "", new(guesser))) // not what it says
	if got := decodeText([]byte("\x80\x81\xfe\xff"), "utf-8", new(guesser)); !utf8.ValidString(got) {
		t.Errorf("not UTF-8: %q", got)
	}
}

func TestDecodeTransfer(t *testing.T) {
	t.Parallel()
	f := func(encoding, text, want string) {
		t.Helper()
		if got := string(decodeTransfer([]byte(text), encoding)); got != want {
			t.Errorf("%s %q: got %q, want %q", encoding, text, got, want)
		}
	}
	f("", "=41", "=41")
	f("8bit", "=41", "=41")
	f("Quoted-Printable", "a=3D=\r\nb =\nc", "a=b c")
	f("quoted-printable", "J=C3=BCrgen \t\r\n=zz=4", "Jürgen\r\n=zz=4")
	f("quoted-printable", "a=", "a")
	f("BASE64", "SGVs\r\nbG8=", "Hello")
	f(" base64", "SGVsbG8=\r\n-- \r\nfooter", "Hello")
	f("base64", "YQ==\r\nYg==", "ab")
	f("base64", "YWJ*j", "abc")
	f("base64", "SGVsbG8", "Hello")
	f("base64", "S", "")
}

func TestDecodeHeader(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		if got := new(guesser).header(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	f("=?utf-8?Q?J=C3=BCrgen?= <a@example.com>", "Jürgen <a@example.com>")
	f("=?windows-1251?B?x+Dv8O7x?=", "Запрос")
	f("=?no-such?Q?a=E9?=", "aé")
	f("a\r\n b", "a b")
	f("=?utf-8?Q?na=EFve?=", "naïve")
	f("J\xfcrgen", "Jürgen")
	f("=?utf-8?Q?broken", "=?utf-8?Q?broken")
}

// Parts that nobody could mean do not cost the lead, or do not pass for one.
func TestReadMIME(t *testing.T) {
	t.Parallel()
	read := func(raw string) *message {
		t.Helper()
		m, err := readMIME([]byte(strings.ReplaceAll(raw, "\n", "\r\n")))
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		return m
	}
	m := read("From kim@example.com Mon Jan  5 06:00:01 2026\nFrom: Kim <kim@example.com>\nMessage-Id: <a@b>\nTo: x@example.com, Y <y@example.com>\n\nHello")
	if m.from != "Kim <kim@example.com>" || m.text != "Hello" || m.id != "a@b" || len(m.recipients) != 2 {
		t.Errorf("%+v", m)
	}
	// No closing boundary, no boundary at all, a type that cannot be read.
	if m := read("From: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nHello"); strings.TrimSpace(m.text) != "Hello" {
		t.Errorf("no end: %q", m.text)
	}
	if m := read("From: a\nContent-Type: multipart/mixed\n\nHello"); m.text+m.html == "" && len(m.attachments) == 0 {
		t.Error("no boundary: all is lost")
	}
	if m := read("From: a\nContent-Type: text\n\nHello"); m.text != "Hello" {
		t.Errorf("broken type: %q", m.text)
	}
	if m := read("From: a\nContent-Type: text/html; charset=koi8-r\n\n\xe9\xcd\xd1"); m.html != "Имя" {
		t.Errorf("page: %q", m.html)
	}
	// Texts of parts as deep as anybody nests them.
	deep := "From: a\n"
	for i := range 9 {
		deep += "Content-Type: multipart/mixed; boundary=b" + string(rune('0'+i)) + "\n\n--b" + string(rune('0'+i)) + "\n"
	}
	if m := read(deep + "Content-Type: text/plain\n\nHello\n"); strings.TrimSpace(m.text) != "Hello" {
		t.Errorf("nine levels: %q", m.text)
	}
	for what, raw := range map[string]string{
		"nothing": "", "blanks": "\r\n\r\n", "borders": "From: a\n" + strings.Repeat("\n--", 5000),
		"headers": "From: a\nA: " + strings.Repeat("a", maxHead+1) + "\n\nx",
	} {
		if _, err := readMIME([]byte(raw)); !errors.Is(err, ingest.ErrMalformed) && !errors.Is(err, ingest.ErrTooLarge) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What a form is called by in a language is known of all that it asks.
func TestLead_Languages(t *testing.T) {
	t.Parallel()
	for language, text := range map[string]string{
		"English":    "Full name: Kim Lee\nE-mail address: kim@example.com\nPhone number: +12025550142\nComments: Please call",
		"German":     "Name: Kim Lee\nE-Mail-Adresse: kim@example.com\nTelefonnummer: +12025550142\nIhre Nachricht: Please call",
		"French":     "Nom : Kim Lee\nCourriel : kim@example.com\nTéléphone : +12025550142\nVotre message : Please call",
		"Spanish":    "Nombre: Kim Lee\nCorreo electrónico: kim@example.com\nTeléfono: +12025550142\nMensaje: Please call",
		"Italian":    "Nome: Kim Lee\nIndirizzo email: kim@example.com\nTelefono: +12025550142\nMessaggio: Please call",
		"Portuguese": "Nome: Kim Lee\nE-mail: kim@example.com\nTelefone: +12025550142\nMensagem: Please call",
		"Dutch":      "Naam: Kim Lee\nE-mailadres: kim@example.com\nTelefoonnummer: +12025550142\nBericht: Please call",
		//nolint:misspell // Polish
		"Polish":    "Imię i nazwisko: Kim Lee\nAdres e-mail: kim@example.com\nTelefon: +12025550142\nWiadomość: Please call",
		"Czech":     "Jméno: Kim Lee\nE-mail: kim@example.com\nTelefon: +12025550142\nZpráva: Please call",
		"Swedish":   "Namn: Kim Lee\nE-post: kim@example.com\nTelefon: +12025550142\nMeddelande: Please call",
		"Turkish":   "Ad Soyad: Kim Lee\nE-posta: kim@example.com\nTelefon: +12025550142\nMesajınız: Please call",
		"Russian":   "Имя: Kim Lee\nЭл. почта: kim@example.com\nТелефон: +12025550142\nСообщение: Please call",
		"Ukrainian": "Ім'я: Kim Lee\nЕлектронна пошта: kim@example.com\nТелефон: +12025550142\nПовідомлення: Please call",
		"Japanese":  "お名前：Kim Lee\nメールアドレス：kim@example.com\n電話番号：+12025550142\nお問い合わせ内容：Please call",
		"Chinese":   "姓名：Kim Lee\n电子邮箱：kim@example.com\n电话：+12025550142\n留言：Please call",
	} {
		rows := "<table>"
		for line := range strings.Lines(text) {
			at := strings.IndexAny(line, ":：")
			_, size := utf8.DecodeRuneInString(line[at:])
			rows += "<tr><td>" + line[:at] + "</td><td>" + line[at+size:] + "</td></tr>"
		}
		twoLines := strings.NewReplacer(": ", ":\n", "：", "：\n").Replace(text)
		for form, m := range map[string]*message{
			"lines": {text: text}, "two lines": {text: twoLines}, "table": {html: rows + "</table>"}, "forwarded": {from: "sam@dealer.example",
				text: "Begin forwarded message:\n\n> From: Robot <noreply@portal.example>\n> Subject: x\n>\n> " + strings.ReplaceAll(text, "\n", "\n> ")},
		} {
			if m.from == "" {
				m.from = "noreply@portal.example"
			}
			events, err := (&inbox{region: "US"}).events(m, "1")
			if err != nil {
				t.Fatal(err)
			}
			p := events[0].Lead.Person
			if p.Name != "Kim Lee" || p.Email != "kim@example.com" || p.Phone != "+12025550142" || p.Message != "Please call" {
				t.Errorf("%s, %s: %q %q %q %q %v", language, form, p.Name, p.Email, p.Phone, p.Message, p.Answers)
			}
		}
	}
}

func FuzzMIME(f *testing.F) {
	for _, name := range []string{"email-lead/raw", "email-lead/forwarded-as-attachment", "email-lead/adf-attached", "cloudmailin/raw-alone"} {
		text, err := os.ReadFile("testdata/" + name + "/request.http")
		if err != nil {
			f.Fatal(err)
		}
		_, body, _ := strings.Cut(string(text), "\n\n")
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := readMIME(raw)
		if err != nil {
			return
		}
		if len(m.text) > maxText || len(m.html) > maxHTML || len(m.attachments) > maxAttachments {
			t.Errorf("texts of %d and %d bytes, %d files", len(m.text), len(m.html), len(m.attachments))
		}
		if !utf8.ValidString(m.text) || !utf8.ValidString(m.html) || !utf8.ValidString(m.from) || !utf8.ValidString(m.subject) {
			t.Error("not UTF-8")
		}
	})
}

func FuzzXML(f *testing.F) {
	for _, text := range []string{"<adf><prospect><id>1</id></prospect></adf>", "<a b=c & d><![CDATA[<]]></x>", "<?xml version='1.0'?><!DOCTYPE a [<!-->", "<a><b>1<c>"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := parseADF(text)
		if err == nil && len(found) > maxProspects {
			t.Errorf("%d prospects", len(found))
		}
		if err != nil && !errors.Is(err, ingest.ErrMalformed) && !errors.Is(err, ingest.ErrTooLarge) {
			t.Error(err)
		}
		adfIn(text)
	})
}
