package fields_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/leadgate/leadgate/ingest"
	"github.com/leadgate/leadgate/sources/fields"
)

func TestRoleOf(t *testing.T) {
	t.Parallel()
	for role, names := range map[fields.Role][]string{
		fields.Email: {
			"email", "E-Mail", "your-email", "fields[email]", "contact.email", "form_fields[email]", "Email Address",
			"E-Mail-Adresse", "Courriel", "Correo electrónico",
			"Adres e-mail", //nolint:misspell // Polish
			"E-posta", "Электронная почта", "Пошта",
			"email_1", "メールアドレス", "data.contact.email",
		},
		fields.Phone: {
			"phone", "Phone Number", "tel", "your-tel", "Telefonnummer", "Téléphone", "Teléfono", "Telefone", "Cellulare",
			"Numer telefonu", "Cep Telefonu", "Номер телефона", "Телефон", "phone_number", "PHONE", "Telefoonnummer",
		},
		fields.Name:      {"name", "full_name", "Your Name", "Nom", "Nombre", "Nome", "Naam", "Imię i nazwisko", "Имя", "ФИО", "Ім'я", "Adı Soyadı"},
		fields.FirstName: {"first_name", "fname", "Vorname", "Prénom", "Voornaam", "Imię", "name[first]", "Jméno"},
		fields.LastName:  {"last_name", "Nachname", "Apellidos", "Cognome", "Achternaam", "Nazwisko", "Фамилия", "Прізвище", "Soyadınız", "name[last]"},
		fields.Company:   {"company", "Firma", "Société", "Empresa", "Azienda", "Bedrijfsnaam", "Şirket", "Компания", "company.name"},
		fields.Message:   {"message", "your-message", "Nachricht", "Ihre Nachricht", "Mensaje", "Messaggio", "Mensagem", "Bericht", "Wiadomość", "Сообщение", "Повідомлення", "Mesajınız"},
		fields.Control:   {"_next", "_subject", "_wpnonce", "_token", "g-recaptcha-response", "cf-turnstile-response", "csrfmiddlewaretoken", "submit", "password"},
		fields.Honeypot:  {"_gotcha", "_honey", "bot-field", "honeypot"},
		fields.ID:        {"id", "ID"},
		fields.PageURL:   {"page_url", "pageUrl", "landing_page_url"},
		fields.FormName:  {"form-name", "form_name"},
		fields.Answer: {
			"", "colour", "user_id", "client_id", "lead_id", "product.id", "product_name", "email_consent", "phone_model",
			"items.0.name", "date", "услуга", "[]", "😀",
		},
	} {
		for _, name := range names {
			if got := fields.RoleOf(name); got != role {
				t.Errorf("RoleOf(%q) = %q, want %q", name, got, role)
			}
		}
	}
}

func read(t *testing.T, mapping map[string]string, pairs ...string) *fields.Form {
	t.Helper()
	m, err := fields.NewMapping(mapping, "trap")
	if err != nil {
		t.Fatal(err)
	}
	var sent []fields.Field
	for i := 0; i < len(pairs); i += 2 {
		sent = append(sent, fields.Field{Name: pairs[i], Values: strings.Split(pairs[i+1], "|")})
	}
	return m.Read(sent)
}

func TestRead_Names(t *testing.T) {
	t.Parallel()
	f := func(name, first, last string, pairs ...string) {
		t.Helper()
		p := read(t, nil, pairs...).Lead.Person
		if p.Name != name || p.FirstName != first || p.LastName != last {
			t.Errorf("%q: %q, %q, %q", pairs, p.Name, p.FirstName, p.LastName)
		}
	}
	f("Zoé Modèle", "Zoé", "Modèle", "Nom", "Modèle", "Prénom", "Zoé")
	f("Ada Esempio", "Ada", "Esempio", "Nome", "Ada", "Cognome", "Esempio")
	f("Kim Lee", "Kim", "", "name", "Kim Lee", "first_name", "Kim")
	f("Kim Lee", "Kim", "Lee", "first_name", "Kim", "last_name", "Lee")
	f("Kim", "", "", "name", "Kim")
}

func TestRead_KeepsEveryField(t *testing.T) {
	t.Parallel()
	form := read(t, map[string]string{"phone": "f1", "campaign_id": "hidden.c"},
		"email", "a@example.com", "Email", "b@example.com", "email_1", "a@example.com", "f1", "5125550142", "phone", "evening",
		"hidden.c", "120", "tags[]", "x|y", "colour", "red", "colour ", " ", "fields[utm_source]", "google", "trap", "", "_x", "1",
		"company", "A|B", "created_at", "2026-01-05")
	l := form.Lead
	if l.Person.Email != "a@example.com" || l.Person.Phone != "5125550142" || l.CampaignID != "120" || l.Tagging.Source != "google" ||
		l.Person.Company != "A" || l.SpamReasons != nil || form.Time != "" {
		t.Errorf("%+v", l)
	}
	want := map[string]string{
		"Email": "b@example.com", "phone": "evening", "tags": `["x","y"]`, "colour": "red", "company": "B", "created_at": "2026-01-05",
	}
	if !reflect.DeepEqual(l.Person.Answers, want) {
		t.Errorf("answers %v, want %v", l.Person.Answers, want)
	}
	if spam := read(t, nil, "email", "a@example.com", "trap", "x").Lead.SpamReasons; !reflect.DeepEqual(spam, []string{"honeypot"}) {
		t.Errorf("spam reasons %v", spam)
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 5, 12, 10, 0, 0, time.UTC)
	base := read(t, nil, "email", "a@example.com", "message", "x").Key(at)
	f := func(same bool, at time.Time, pairs ...string) {
		t.Helper()
		if got := read(t, nil, pairs...).Key(at); (got == base) != same {
			t.Errorf("%q at %s: same is %t", pairs, at, got == base)
		}
	}
	f(true, at.Add(49*time.Minute), "message", " x\r\n", "email", "a@example.com")
	f(true, at, "email", "a@example.com", "message", "x", "g-recaptcha-response", "t2", "_next", "/", "page_url", "https://e.com")
	f(false, at.Add(time.Hour), "email", "a@example.com", "message", "x")
	f(false, at, "email", "a@example.com", "message", "y")
	f(false, at, "email", "a@example.com", "message", "x", "colour", "red")
	if got := read(t, nil, "email", "a@example.com", "id", " k1 ").Key(at); got != "k1" {
		t.Errorf("the sender's id is not the key: %q", got)
	}
}

func delivery(media, body string) *ingest.Delivery {
	return &ingest.Delivery{Header: textproto.MIMEHeader{"Content-Type": {media}}, Body: []byte(body)}
}

func TestParse_Refuses(t *testing.T) {
	t.Parallel()
	var many, values bytes.Buffer
	for i := range 201 {
		fmt.Fprintf(&many, "f%d=1&", i)
		values.WriteString("f=1&")
	}
	const urlencoded = "application/x-www-form-urlencoded"
	f := func(media, body string, want error) {
		t.Helper()
		_, err := fields.Parse(delivery(media, body))
		if !errors.Is(err, want) {
			t.Errorf("%s %.40q: %v, want %v", media, body, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "personal") {
			t.Errorf("%s: the error repeats the body: %v", media, err)
		}
	}
	f("", "email=x", ingest.ErrMediaType)
	f("text/csv", "email", ingest.ErrMediaType)
	f("text/plain", "personal", ingest.ErrMediaType)
	f("image/png", "", ingest.ErrMediaType)
	f(urlencoded, "personal=%zz", ingest.ErrMalformed)
	f(urlencoded, many.String(), ingest.ErrTooLarge)
	f(urlencoded, values.String(), ingest.ErrTooLarge)
	f(urlencoded, strings.Repeat("n", 201)+"=1", ingest.ErrTooLarge)
	f("multipart/form-data", "x", ingest.ErrMalformed)
	f("multipart/form-data; boundary=b", "personal", ingest.ErrMalformed)
	f("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\npersonal", ingest.ErrMalformed)
	for _, body := range []string{"", "[]", `"personal"`, `{"a":`, `{"personal":x}`, `{} {}`, `{"a":1}x`, "null"} {
		f("application/json", body, ingest.ErrMalformed)
	}
	f("application/json", strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 40), ingest.ErrTooLarge)
}

func TestParse(t *testing.T) {
	t.Parallel()
	f := func(media, body string, want ...fields.Field) {
		t.Helper()
		got, err := fields.Parse(delivery(media, body))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %q: %q, %v; want %q", media, body, got, err, want)
		}
	}
	field := func(name string, values ...string) fields.Field { return fields.Field{Name: name, Values: values} }
	f("application/x-www-form-urlencoded; charset=UTF-8", "b=1&a=x+y&b=%32&&c", field("b", "1", "2"), field("a", "x y"), field("c", ""))
	f("application/x-www-form-urlencoded", "_charset_=windows-1251&n=%C0", field("_charset_", "windows-1251"), field("n", "А"))
	f("text/plain;charset=UTF-8", ` {"a":1}`, field("a", "1"))
	f("application/ld+json", `{"b":[1,"x",null,true],"a":{"c":18446744073709551616},"o":[{"d":1.50}],"n":null,"e":{}}`,
		field("a.c", "18446744073709551616"), field("b", "1", "x", "true"), field("o.0.d", "1.50"))
}

func TestAt(t *testing.T) {
	t.Parallel()
	value, err := fields.ParseJSON([]byte(`{"a":[{"b":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{"a.0.b": "x", "a.1": nil, "a.x": nil, "b": nil, "a.0.b.c": nil} {
		if got, ok := fields.At(value, path); got != want || ok != (want != nil) {
			t.Errorf("At(%q) = %v, %t", path, got, ok)
		}
	}
}

func BenchmarkRoleOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		fields.RoleOf("fields[your-email]")
	}
}
