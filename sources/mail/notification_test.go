package mail

import (
	"strings"
	"testing"
)

func TestParseNotification(t *testing.T) {
	t.Parallel()
	f := func(text string, want ...string) {
		t.Helper()
		var got []string
		for _, field := range parseNotification(text, nil) {
			got = append(got, field.Name+"="+strings.Join(field.Values, "|"))
		}
		if strings.Join(got, "; ") != strings.Join(want, "; ") {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
	}
	f("")
	f("Hello, my roof leaks.\nKim")
	f("Name: Kim Lee\nE-mail : kim@example.com", "Name=Kim Lee", "E-mail=kim@example.com")
	f("姓名：小李\n电话：+8613800000000", "姓名=小李", "电话=+8613800000000")
	// A label without a value takes the next line, unless that is a label.
	f("Phone:\n555\nThanks", "Phone=555")
	f("Company:\nPhone: 555", "Phone=555")
	f("Company:\n\nOwn Roofing\n", "Company=Own Roofing")
	// Addresses and times are no labels.
	f("https://example.com/\nCall at 12:30\n12:30\nkim@example.com: hi")
	// Answers go on to the end of their paragraph, contact fields do not.
	f("Address: 1 Main St\nAustin\n\nBye", "Address=1 Main St\nAustin")
	f("Phone: 555\nBye", "Phone=555")
	// A message goes on to the next label that is known.
	f("Message: a\n\nb: c\nPhone: 5", "Message=a\n\nb: c", "Phone=5")
	f("Message\na\nName\nKim", "Message=a", "Name=Kim")
	// A word of the message that could be a label, but is filled already.
	f("Name: Kim\nMessage: a\nName\nb", "Name=Kim", "Message=a\nName\nb")
	f("• Service: Roof\n- gclid: Cj0own", "Service=Roof", "gclid=Cj0own")
	f("This is a sentence of far too many words to be a label: yes")
	f("Well. It is so: yes")
}

// A mail is read in time that grows with its length, whatever it repeats.
func TestMessage_Long(t *testing.T) {
	t.Parallel()
	for _, part := range []string{
		"Message: a\n", "a\n", "Name\n", "Begin forwarded message:\n", "a:\n\n", "> a\n", "From: a@example.com\n", "<table><tr><td>a", "a<br>",
	} {
		text := strings.Repeat(part, 1<<20/len(part))
		m := message{from: "noreply@a.example", text: text, html: text}
		if events, err := (&inbox{region: "US"}).events(&m, "1"); err != nil || len(events) != 1 {
			t.Error(part, err)
		}
	}
}

func TestReadLetter(t *testing.T) {
	t.Parallel()
	f := func(text string, want letter) {
		t.Helper()
		if got := readLetter(text); got != want {
			t.Errorf("%q:\n got %+v\nwant %+v", text, got, want)
		}
	}
	f("Hello\r\n\r\n-- \r\nKim", letter{text: "Hello"})
	f("Hello\n--- \nKim", letter{text: "Hello\n--- \nKim"})
	f("Yes\n\nPat wrote:\n\n> No", letter{text: "Yes"})
	f("> a\n>> b", letter{text: "a\nb"})
	f("----- Original Message -----\nFrom: a@example.com\nReply-To: b@example.com\nSubject: x\n\nHi",
		letter{text: "Hi", forwarded: true, from: "a@example.com", replyTo: "b@example.com"})
	// The innermost of several.
	f("---------- Forwarded message ---------\nFrom: a@example.com\nTo: x\n\n---------- Forwarded message ---------\nFrom: b@example.com\nTo: y\n\nHi",
		letter{text: "Hi", forwarded: true, from: "b@example.com"})
	// A mark without headers is text.
	f("Begin forwarded message:\nnothing", letter{text: "Begin forwarded message:\nnothing"})
	f("From: me\nwith love", letter{text: "From: me\nwith love"})
}

func TestTextOf(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		if got := strings.TrimSpace(textOf(source)); got != want {
			t.Errorf("%q:\n got %q\nwant %q", source, got, want)
		}
	}
	f("<p>a <b>b</b>c</p>\n<p>d&amp;e</p>", "a bc\nd&e")
	f("a<br>b<br/>c", "a\nb\nc")
	f("<style>x</style><script>y</script>z", "z")
	f("<table><tr><td>Name:</td><td>Kim</td></tr><tr><td>a</td><td>b</td><td>c</td></tr></table>", "Name: Kim\na\nb\nc")
	f("<tr><td>not closed<td>b", "not closed: b")
	f(strings.Repeat("<table><tr><td>", 100)+"deep", "deep")
	f("</td></tr></table>stray", "stray")
}

func TestIsRobot(t *testing.T) {
	t.Parallel()
	f := func(address string, want bool) {
		t.Helper()
		if got := isRobot(address); got != want {
			t.Errorf("%s: got %v", address, got)
		}
	}
	for _, address := range []string{"noreply@a.example", "no-reply@a.example", "Do-Not-Reply+1@a.example", "wordpress@a.example", "web.forms@a.example", "noreply-2@a.example"} {
		f(address, true)
	}
	for _, address := range []string{"kim.lee@a.example", "info@a.example", "formica@a.example", "robotnik@a.example", ""} {
		f(address, false)
	}
}

// Anybody can send a mail, so that what it takes grows with its size only: the
// blanks between elements are not kept, to be gone through at each element.
func TestParseXML_BlanksBetweenElements(t *testing.T) {
	t.Parallel()
	blank := strings.Repeat(" ", 1<<20)
	root, err := parseXML("<adf>" + blank + strings.Repeat("<b/>", maxElements-10) + "<name>" + blank + " Ada <![CDATA[ Example ]]></name></adf>")
	if err != nil {
		t.Fatal(err)
	}
	if n := root.one("adf").text.Len(); n != 0 {
		t.Errorf("%d bytes between the elements are kept", n)
	}
	if name := root.one("adf").under("name"); name != "Ada  Example" {
		t.Errorf("got %q", name)
	}
}
