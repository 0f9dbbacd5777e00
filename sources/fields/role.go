// Package fields knows what the fields of a form mean, in the languages and
// spellings in which people name them, and makes a lead of them.
//
// Its law: no field is lost. What is not known by name becomes an answer,
// unless it steers the form itself (a token, a captcha, a redirect).
package fields

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/leadgate/leadgate/sources/normalize"
)

// Role is what a field means. The known ones are the keys of a field mapping.
type Role string

// The roles. Besides them every utm parameter and click id is its own role.
const (
	Answer     Role = "" // of no meaning to us
	Control    Role = "control"
	Honeypot   Role = "honeypot"
	ID         Role = "id"
	OccurredAt Role = "occurred_at"
	Email      Role = "email"
	Phone      Role = "phone"
	Name       Role = "name"
	FirstName  Role = "first_name"
	LastName   Role = "last_name"
	Company    Role = "company"
	Message    Role = "message"
	VisitorID  Role = "visitor_id"
	PageURL    Role = "page_url"
	Referrer   Role = "referrer"
	FormID     Role = "form_id"
	FormName   Role = "form_name"
	CampaignID Role = "campaign_id"
	AdgroupID  Role = "adgroup_id"
	AdID       Role = "ad_id"
	Test       Role = "test"
)

// mappable are the roles that a mapping may give to a field.
var mappable = []Role{
	ID, OccurredAt, Email, Phone, Name, FirstName, LastName, Company, Message, VisitorID, PageURL, Referrer,
	FormID, FormName, CampaignID, AdgroupID, AdID, Test,
}

// spellings are the names of fields, reduced by fold. Languages: English,
// German, French, Spanish, Italian, Portuguese, Dutch, Polish, Czech, the
// Nordic ones, Turkish, Russian, Ukrainian, Chinese and Japanese.
var spellings = map[Role]string{
	Email: `email e_mail mail email_address e_mail_address mail_address emailaddress work_email business_email
		email_adresse e_mail_adresse emailadresse mailadresse courriel adresse_email adresse_e_mail adresse_mail
		adresse_courriel correo correo_electronico direccion_de_correo indirizzo_email posta_elettronica
		endereco_de_email emailadres e_mailadres ` + "adres_email adres_e_mail" + //nolint:misspell // Polish
		` e_post epost e_postadress e_postadresse
		e_posta eposta e_posta_adresi почта email_почта электронная_почта эл_почта емейл имейл мейл
		електронна_пошта пошта メールアドレス メール 邮箱 电子邮件 电子邮箱`,
	Phone: `phone phone_number phonenumber phone_no telephone telephone_number tel tel_no mobile mobile_number
		mobile_phone mobilephone cell cell_phone cellphone work_phone contact_number contact_phone whatsapp
		whatsapp_number telefon telefonnummer telefon_nummer rufnummer handy handynummer mobil mobilnummer
		mobiltelefon numero_de_telephone numero_telephone no_telephone portable telefono numero_de_telefono
		numero_telefono movil celular numero_di_telefono cellulare telefone numero_de_telefone telemovel
		telefoon telefoonnummer mobiel numer_telefonu nr_telefonu telefon_kontaktowy telefoni puhelin telefono_cislo
		telefonni_cislo puhelinnumero telefon_numarasi telefon_no cep_telefonu телефон номер_телефона тел
		мобильный мобильный_телефон контактный_телефон контактний_телефон мобільний мобільний_телефон
		電話番号 電話 电话 电话号码 手机 手机号 手机号码`,
	Name: `name full_name fullname complete_name contact_name customer_name client_name person_name contact_person name_full
		vollstandiger_name vor_und_nachname vorname_nachname ansprechpartner kontaktperson nom nom_complet
		nom_et_prenom prenom_et_nom nombre nombre_completo nombre_y_apellidos nombre_y_apellido nome
		nome_completo nome_e_cognome naam volledige_naam imie_i_nazwisko jmeno_a_prijmeni namn navn
		fullt_navn fullstandigt_namn nimi ad_soyad adi_soyadi adiniz_soyadiniz isim_soyisim isim adiniz имя
		ваше_имя фио полное_имя имя_и_фамилия контактное_лицо імя ім_я піб повне_імя повне_ім_я 氏名 お名前 名前
		姓名 名字 称呼`,
	FirstName: `first_name firstname fname given_name givenname forename first name_first vorname prenom primer_nombre nombre_de_pila
		primeiro_nome voornaam imie jmeno fornamn fornavn etunimi 名`,
	LastName: `last_name lastname lname surname family_name familyname last name_last second_name nachname familienname zuname
		nom_de_famille apellido apellidos cognome sobrenome apelido achternaam nazwisko prijmeni efternamn
		etternavn efternavn sukunimi soyad soyadi soyisim soyadiniz фамилия прізвище 姓`,
	Company: `company company_name companyname organization organisation organization_name organisation_name
		business business_name firm firma firmenname unternehmen unternehmensname firmenbezeichnung
		societe entreprise nom_de_societe nom_de_l_entreprise raison_sociale empresa nombre_de_la_empresa
		compania azienda societa ragione_sociale nome_azienda nome_da_empresa bedrijf bedrijfsnaam nazwa_firmy
		spolecnost foretag foretagsnamn virksomhed bedrift yritys sirket sirket_adi firma_adi компания
		название_компании организация фирма компанія назва_компанії організація 会社名 御社名 公司 公司名称`,
	Message: `message msg comment comments your_message text textarea inquiry enquiry question questions note notes
		details description project_details how_can_we_help nachricht ihre_nachricht mitteilung anfrage
		bemerkung bemerkungen anmerkung anmerkungen kommentar frage votre_message commentaire commentaires
		mensaje comentario comentarios consulta messaggio commento commenti richiesta mensagem bericht
		opmerking opmerkingen vraag wiadomosc tresc tresc_wiadomosci uwagi zprava meddelande meddelelse besked
		melding viesti mesaj mesajiniz сообщение комментарий вопрос текст текст_сообщения повідомлення коментар
		питання お問い合わせ内容 メッセージ 留言 备注 内容`,
	OccurredAt: `occurred_at submitted_at created_at created_time submission_time timestamp date_created submit_time`,
	VisitorID:  `visitor_id visitorid`,
	PageURL:    `page_url pageurl page page_location landing_page landing_page_url landing_url source_url current_url`,
	Referrer:   `referrer referer referrer_url http_referrer http_referer document_referrer`,
	FormID:     `form_id formid`,
	FormName:   `form_name formname form_title`,
	CampaignID: `campaign_id campaignid`,
	AdgroupID:  `adgroup_id adgroupid ad_group_id adset_id ad_set_id`,
	AdID:       `ad_id adid creative_id`,
	Test:       `is_test`,
	Honeypot:   `honeypot honey bot_field`,
	Control: `g_recaptcha_response recaptcha_response recaptcha_token h_captcha_response cf_turnstile_response
		frc_captcha_solution frc_captcha_response altcha captcha csrf csrf_token csrfmiddlewaretoken
		authenticity_token xsrf_token requestverificationtoken submit submit_button btn_submit form_submit action
		password passwd passwort mot_de_passe contrasena senha wachtwoord haslo пароль`,
}

// prefixes are what form builders put before a field's own name; none is longer
// than maxPrefix bytes.
var prefixes, maxPrefix = func() (set map[string]bool, longest int) {
	set = make(map[string]bool, 64)
	for prefix := range strings.FieldsSeq(`your_ fields_ field_ form_fields_ form_ formdata_ data_ input_ contact_
		customer_ client_ lead_ user_ person_ applicant_ submission_ payload_ answers_ values_ properties_ ihr_
		ihre_ votre_ tu_ su_ seu_ sua_ uw_ ваш_ ваше_ ваша_ attributes_ body_`) {
		set[prefix], longest = true, max(longest, len(prefix))
	}
	return set, longest
}()

// roles is spellings turned round, made once: it never changes.
var roles = func() map[string]Role {
	table := make(map[string]Role, 512)
	for role, names := range spellings {
		for name := range strings.FieldsSeq(names) {
			table[fold(name)] = role
		}
	}
	return table
}()

// maxSpelling bounds the names that can mean something, in bytes, however they are
// spelt.
const maxSpelling = 1 << 10

// maxDepth bounds how many prefixes are taken off a name.
const maxDepth = 4

// RoleOf tells what a field of that name means. Names are compared without
// regard to case, accents, blanks, dashes and brackets; "your-email",
// "fields[email]" and "contact.email" are all an e-mail. A name that starts
// with an underscore steers the form.
func RoleOf(name string) Role {
	if len(name) > maxSpelling {
		if strings.HasPrefix(name, "_") {
			return Control
		}
		return Answer
	}
	folded := fold(name)
	if strings.HasPrefix(name, "_") {
		switch folded {
		case "gotcha", "honey", "honeypot":
			return Honeypot
		}
		return Control
	}
	if folded == string(ID) {
		return ID // never behind a prefix: a user_id is not the id of a lead
	}
	for range maxDepth {
		if role, ok := roles[folded]; ok {
			return role
		}
		rest := withoutPrefix(folded)
		if rest == folded {
			rest = strings.TrimSuffix(folded, "_1")
		}
		if rest == folded {
			return Answer
		}
		folded = rest
	}
	return Answer
}

// withoutPrefix takes the longest prefix off a name.
func withoutPrefix(folded string) string {
	for end := min(len(folded), maxPrefix); end > 0; {
		end = strings.LastIndexByte(folded[:end], '_')
		if end >= 0 && prefixes[folded[:end+1]] {
			return folded[end+1:]
		}
	}
	return folded
}

// fold reduces a name for comparing: normalize.Key without accents.
func fold(name string) string {
	key := normalize.Key(name)
	for i := range len(key) {
		if key[i] >= 0x80 {
			return norm.NFC.String(strings.Map(func(c rune) rune {
				if unicode.Is(unicode.Mn, c) {
					return -1
				}
				switch c {
				case 'ł':
					return 'l'
				case 'ø':
					return 'o'
				case 'ı':
					return 'i'
				}
				return c
			}, norm.NFD.String(key)))
		}
	}
	return key
}
