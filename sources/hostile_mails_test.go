package sources_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/signature"
)

// mailFrames are genuine bodies of inbound e-mail; see frames. Those that are
// no JSON get their Content-Type from there.
var mailFrames = map[string]string{
	"sendgrid": "--b\r\nContent-Disposition: form-data; name=\"headers\"\r\n\r\nMessage-ID: «<m>»\r\nReply-To: «kim@example.com»\r\nDate: «x»\r\n" +
		"X-A: «x»\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"from\"\r\n\r\n«Kim <kim@example.com>»" +
		"\r\n--b\r\nContent-Disposition: form-data; name=\"charsets\"\r\n\r\n{\"text\":«\"gbk\"»}" +
		"\r\n--b\r\nContent-Disposition: form-data; name=\"envelope\"\r\n\r\n{\"to\":[«\"leads@example.net\"»]}" +
		"\r\n--b\r\nContent-Disposition: form-data; name=\"subject\"\r\n\r\n«x»" +
		"\r\n--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n«Name: Kim»\r\n--b--\r\n",
	"sendgrid raw": "--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nFrom: «kim@example.com»\r\nSubject: «x»\r\n" +
		"Content-Type: «text/plain; charset=gbk»\r\nContent-Transfer-Encoding: «8bit»\r\n\r\n«Hello»\r\n--b--\r\n",
	"mailgun": "recipient=«leads@example.net»&sender=«kim@example.com»&from=«Kim <kim@example.com>»&subject=«x»&body-plain=«Name: Kim»&" +
		"message-headers=[[\"Message-Id\",«\"m\"»],«[\"x\",\"y\"]»]&body-html=«<p>»",
	"mailgun raw":    "recipient=a&body-mime=From: kim@example.com%0aContent-Type: «text/html»%0a%0a«Hello»",
	"aws-ses":        `{"Type":"Notification","MessageId":«"m"»,"TopicArn":"` + snsTopic + `","Subject":«"x"»,"Message":"{\"notificationType\":\"Received\",\"mail\":{\"messageId\":\"q\"},\"content\":\"From: kim@example.com\\n\\nHello\"}","Timestamp":«"x"»,"SignatureVersion":"2","Signature":"-","SigningCertURL":"https://sns.eu-west-1.amazonaws.com/a.pem"}`,
	"aws-ses fields": `{"Message":{"notificationType":"Received","mail":{"timestamp":«"2026-01-05T12:00:03.636Z"»,"source":«"x"»,"messageId":«"q"»,"destination":«["x"]»,"headers":«[{"name":"x","value":"y"}]»,"commonHeaders":{"from":[«"x"»],"subject":«"x"»}},"receipt":{"recipients":«["x"]»,"spamVerdict":{"status":«"PASS"»},"action":{"type":«"SNS"»}},"content":«"From: kim@example.com\n\nHello"»},"Type":"Notification","MessageId":"m","TopicArn":"` + snsTopic + `","SignatureVersion":"2","Signature":"-","SigningCertURL":"https://sns.eu-west-1.amazonaws.com/a.pem"}`,
	"cloudmailin": `{"headers":{"from":«"kim@example.com"»,"message_id":«"m"»,"received":«["by a"]»,"subject":«"x"»,"date":«"x"»},
		"envelope":{"to":«"leads@example.net"»,"from":«"kim@example.com"»,"recipients":«["x"]»,"spamd":{"score":«"0.1"»}},
		"plain":«"Name: Kim"»,"html":«"<p>"»,"reply_plain":«"x"»,"attachments":[{"file_name":«"a.xml"»,"content":«"PGFkZj4="»,"content_type":«"text/xml"»,"size":«"5"»}]}`,
	"cloudmailin lists":   `{"headers":«{"from":"kim@example.com"}»,"envelope":{"from":"x"},"attachments":«[{}]»}`,
	"email-lead":          "%text%«Name: Kim»\n«Email»: «kim@example.com»\n\n«Message: hi»\n",
	"email-lead html":     "%html%<table><tr><td>«Name»<td>«Kim»</table>«<p>»",
	"email-lead mail":     "%mail%From: «kim@example.com»\nReply-To: «kim@example.com»\nContent-Type: «text/plain»\nContent-Disposition: «inline»\n\n«Hello»",
	"email-lead parts":    "%mail%From: kim@example.com\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: «text/plain»\nContent-Disposition: «inline»\n\n«Hello»\n--b\nContent-Type: message/rfc822\n\nFrom: «a@example.com»\n\n«x»\n--b--\n",
	"adf":                 "%xml%<adf><prospect status=\"«new»\"><id source=\"«x»\">«1»</id><requestdate>«x»</requestdate><vehicle><year>«1»</year></vehicle><customer><contact><name part=\"full\">«Kim»</name><email>«kim@example.com»</email><phone>«202-555-0142»</phone>«<address/>»</contact><comments>«hi»</comments></customer></prospect></adf>",
	"adf with CDATA":      "%xml%<adf><prospect><comments><![CDATA[«x»]]></comments></prospect></adf>",
	"email-lead with ADF": "%text%«x»<adf>«<prospect>»«<id>1</id>»«</prospect>»</adf>«x»",
}

const mixed = "From: kim@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"

// mimeBodies are raw mails that cost much to somebody who reads them carelessly.
var mimeBodies = map[string]func(n int) string{
	"parts":                    between(mixed, "--b\r\n\r\n", "--b--"),
	"parts of texts":           between(mixed, "--b\r\nContent-Type: text/plain\r\n\r\na long line of text, so that there may be as many as one likes of them\r\n", "--b--"),
	"parts of pages":           between(mixed, "--b\r\nContent-Type: text/html\r\n\r\n<p>a long line of text, so that there may be as many as one likes of them\r\n", "--b--"),
	"files":                    between(mixed, "--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=a.png\r\n\r\naaaaaaaaaaaaaaaaaaaa\r\n", "--b--"),
	"mails in mails":           between("", "From: a@example.com\r\nContent-Type: message/rfc822\r\n\r\n", ""),
	"mails as parts":           between(mixed, "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@example.com\r\n\r\na line of the mail that is in the mail\r\n", "--b--"),
	"parts within parts":       nestedParts("--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n"),
	"parts within parts, same": between(mixed, "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", ""),
	"a long boundary": func(n int) string {
		return "From: a\r\nContent-Type: multipart/mixed; boundary=" + times("b")(n) + "\r\n\r\n--b\r\n"
	},
	"almost boundaries":    between(mixed+"--b\r\n\r\n", "\r\n--", "\r\n--b--"),
	"returns":              between(mixed+"--b\r\n\r\n", "\r", "\r\n--b--"),
	"headers":              numbered("A%d: a\r\n"),
	"one header":           between("From: kim@example.com\r\n", "A: a\r\n", "\r\n\r\nx"),
	"a folded header":      between("Subject: a\r\n", " a\r\n", "\r\n\r\nx"),
	"a header without end": between("From: a\r\nSubject: ", "a", ""),
	"encoded words":        between("From: a\r\nSubject: ", "=?gbk?b?xOM=?= ", "\r\n\r\nx"),
	"addresses":            between("From: ", "a@b.example, ", "\r\n\r\nx"),
	"recipients":           between("From: a@example.com\r\nTo: ", "a@b.example, ", "\r\n\r\nx"),
	"type parameters":      between("From: a\r\nContent-Type: text/plain", "; a=b", "\r\n\r\nx"),
	"type quotes":          between("From: a\r\nContent-Type: text/plain; a=", "\"", "\r\n\r\nx"),
	"type separators":      between("From: a\r\nContent-Type: text/plain", ";", "\r\n\r\nx"),
	"type continuations": func(n int) string {
		return "From: a\r\nContent-Type: text/plain" + numbered("; a*%d=b")(n) + "\r\n\r\nx"
	},
	"file names":              between("From: a\r\nContent-Disposition: attachment; filename=\"", "=?utf-8?q?a?= ", "\"\r\n\r\nx"),
	"quoted-printable":        between("From: a\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", "=41=\r\n", ""),
	"broken quoted-printable": between("From: a\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", "=zz=", ""),
	"base64":                  between("From: a\r\nContent-Transfer-Encoding: base64\r\n\r\n", "YQ==\r\n", ""),
	"broken base64":           between("From: a\r\nContent-Transfer-Encoding: base64\r\n\r\n", "!a", ""),
	"words of no charset":     between("From: a\r\nTo: =?x?q?=e4?=\r\nReply-To: =?x?q?=f6?=\r\nSubject: ", "=?x?q?=e4?= ", "\r\n\r\nx"),
	"headers of no charset": func(n int) string {
		return strings.Repeat("Subject: \xe4\r\nFrom: \xe4\r\nTo: \xe4\r\n", n/40) + "\r\nx"
	},
	"parts of no charset":    between(mixed, "--b\r\nContent-Type: text/plain\r\n\r\ngr\xfc\xdfe an alle, die es angeht, und noch einige W\xf6rter\r\n", "--b--"),
	"pages of no charset":    between(mixed, "--b\r\nContent-Type: text/html; charset=x\r\n\r\ngr\xfc\xdfe an alle, die es angeht, und noch einige W\xf6rter\r\n", "--b--"),
	"files of no charset":    between(mixed, "--b\r\nContent-Type: text/xml; name=\"\xe4\"\r\nContent-Disposition: attachment; filename=\"=?x?q?=e4?=\"\r\n\r\n\xe4\r\n", "--b--"),
	"UTF-7":                  between("From: a\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n", "+AGE-", ""),
	"a word of UTF-7":        between("From: a\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+", "AGE", ""),
	"files in UTF-7":         between(mixed, "--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=\"=?utf-7?q?+"+strings.Repeat("AGE", 600)+"-?=\"\r\n\r\na\r\n", "--b--"),
	"types in encoded words": between(mixed, "--b\r\nContent-Type: =?utf-8?q?"+strings.Repeat("=3d=3futf-8=3fq=3f", 100)+"?=\r\n\r\na\r\n", "--b--"),
	"types of many words":    between(mixed, "--b\r\nContent-Type: text/plain; name=\""+strings.Repeat("=?utf-8?q?a?= ", 140)+"\"\r\n\r\na\r\n", "--b--"),
	"marks of byte order":    between("From: a\r\n\r\n", "\xff\xfe\xfe\xff\ufeff", ""),
	"UTF-16":                 between("From: a\r\n\r\n\xff\xfe", "a\x00\x3d\xd8", ""),
	"UTF-32":                 between("From: a\r\n\r\n\xff\xfe\x00\x00", "a\x00\x00\x00", ""),
	"escapes of ISO 2022":    between("From: a\r\n\r\n\xe4", "\x1b$)C\x0e\x1b", ""),
	"HZ":                     between("From: a\r\nContent-Type: text/plain; charset=hz-gb-2312\r\n\r\n", "~{VPND~}", ""),
	"accents":                between("From: a\r\nSubject: ", "e\u0301\u0316", "\r\n\r\ne\u0301\u0316"),
	"a page of tags":         between("From: a\r\nContent-Type: text/html\r\n\r\n", "<table><tr><td><b>", ""),
	"received":               between("From: a@example.com\r\n", "Received: from a by b; Sat, 31 Jan 2026 10:00:00 +0000\r\n", "\r\nx"),
	"long boundaries":        nestedParts("--b%d\r\nContent-Type: multipart/mixed; boundary=\"b%d" + strings.Repeat("-", 900) + "\"\r\n\r\n"),
	"no charset":             between("From: a\r\nContent-Type: text/plain\r\n\r\n", "\xe4\xf6 a ", ""),
	"a charset":              between("From: a\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n", "\x1b$B\x30\x21", ""),
	"ADF elements":           between("From: a\r\n\r\n<adf><prospect>", "<a>", ""),
	"ADF pairs":              between("From: a\r\n\r\n<adf><prospect>", "<a/>", ""),
	"ADF ends":               between("From: a\r\n\r\n<adf><prospect>", "</a>", ""),
	"ADF prospects":          between("From: a\r\n\r\n<adf>", "<prospect><id>1</id></prospect>", ""),
	"ADF prospects within":   between("From: a\r\n\r\n<adf>", "<prospect><id>1</id>", ""),
	"ADF attributes":         between("From: a\r\n\r\n<adf><prospect", " a=b", "/>"),
	"ADF contacts":           between("From: a\r\n\r\n<adf><prospect><customer><contact>", "<phone>202-555-0142</phone>", "</contact></customer></prospect>"),
	"ADF vehicles":           between("From: a\r\n\r\n<adf><prospect>", "<vehicle><year>1</year></vehicle>", "</prospect>"),
	"ADF CDATA":              between("From: a\r\n\r\n<adf><prospect>", "<![CDATA[", ""),
	"ADF entities":           between("From: a\r\n\r\n<adf><prospect><id>", "&eacute;&", "</id>"),
	"ADF signs":              between("From: a\r\n\r\n", "<adf ", ""),
	"ADF quoted":             between("From: a\r\n\r\n<adf>\n", ">>>>\n", ""),
}

func nestedParts(format string) func(n int) string {
	return func(n int) string {
		var b strings.Builder
		b.WriteString("From: a\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n")
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, format, i, i+1)
		}
		return b.String()
	}
}

const snsTopic = "arn:aws:sns:eu-west-1:111122223333:leads"

var snsKey = func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024) // thousands of signatures
	if err != nil {
		panic(err)
	}
	return key
}()

type snsCertificates struct{}

func (snsCertificates) Certificate(string) (*x509.Certificate, error) {
	return &x509.Certificate{PublicKey: &snsKey.PublicKey}, nil
}

// mailShapers make a delivery of a frame what its sender posts.
var mailShapers = map[string]func(*ingest.Delivery){
	"sendgrid": func(d *ingest.Delivery) {
		if strings.HasPrefix(string(d.Body), "--b\r\n") && d.Header.Get("Content-Type") == "application/json" {
			d.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		}
	},
	"mailgun": func(d *ingest.Delivery) {
		if strings.HasPrefix(string(d.Body), "recipient=") {
			d.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	},
	"aws-ses":    signSNS,
	"email-lead": typed,
	"adf":        typed,
}

// typed takes a mark of the Content-Type off the body.
func typed(d *ingest.Delivery) {
	for mark, media := range map[string]string{
		"%text%": "text/plain", "%html%": "text/html", "%mail%": "message/rfc822", "%xml%": "application/xml",
	} {
		if body, ok := strings.CutPrefix(string(d.Body), mark); ok {
			d.Body = []byte(body)
			d.Header.Set("Content-Type", media)
		}
	}
}

// signSNS makes a text of the Message, as SNS has it, and signs.
func signSNS(d *ingest.Delivery) {
	if text, ok := strings.CutPrefix(string(d.Body), `{"Message":{`); ok {
		if message, rest, ok := strings.Cut(text, `},"Type":"Notification"`); ok {
			d.Body = []byte(`{"Message":` + quoted("{"+message+"}") + `,"Type":"Notification"` + rest)
		}
	}
	var m signature.SNSMessage
	if json.Unmarshal(d.Body, &m) != nil || m.Signature != "-" {
		return
	}
	text := "Message\n" + m.Message + "\nMessageId\n" + m.MessageID + "\n"
	if m.Subject != nil {
		text += "Subject\n" + *m.Subject + "\n"
	}
	digest := sha256.Sum256([]byte(text + "Timestamp\n" + m.Timestamp + "\nTopicArn\n" + m.TopicARN + "\nType\n" + m.Type + "\n"))
	signed, err := rsa.SignPKCS1v15(rand.Reader, snsKey, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	d.Body = []byte(strings.Replace(string(d.Body), `"Signature":"-"`, `"Signature":"`+base64.StdEncoding.EncodeToString(signed)+`"`, 1))
}
