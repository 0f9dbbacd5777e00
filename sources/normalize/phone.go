package normalize

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

var errPhone = errors.New("not a phone number that can be dialled")

// Phone returns the number in E.164 form. Region (ISO 3166 alpha-2) is the
// country of national numbers; without one only international numbers can be
// read. An extension is left out. An international number counts as valid if
// its length is possible in its country, so that newly opened ranges are not
// refused; a national one must be valid in the region, which is a guess.
func Phone(text, region string) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) > 64 {
		return "", errPhone
	}
	if text = withoutMarks(text); northAmerican(text) {
		return text, nil
	}
	if number := plainNumber(text, region); number != "" {
		return number, nil
	}
	number, err := phonenumbers.Parse(text, region)
	if err != nil && strings.HasPrefix(text, "00") {
		number, err = phonenumbers.Parse("+"+text[2:], "")
	}
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return "", errPhone
	}
	if text[0] != '+' && !phonenumbers.IsValidNumber(number) {
		return "", errPhone
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

// withoutMarks takes the marks out of a number that is plain digits besides. A
// zero in brackets, "+44 (0)20", the library must see for itself.
func withoutMarks(text string) string {
	marks := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c == '+' && i == 0:
		case c == ' ' || c == '-' || c == '.' || c == '(' && !strings.HasPrefix(text[i:], "(0)") || c == ')':
			marks++
		default:
			return text
		}
	}
	if marks == 0 {
		return text
	}
	digits := make([]byte, 0, len(text)-marks)
	for i := range len(text) {
		if c := text[i]; c == '+' || c >= '0' && c <= '9' {
			digits = append(digits, c)
		}
	}
	return string(digits)
}

// northAmerican tells whether text is +1 with a number that can exist: the
// most frequent input, for which the library's work can be spared.
func northAmerican(text string) bool {
	return len(text) == 12 && text[:2] == "+1" && text[2] >= '2' && text[5] >= '2' && onlyDigits(text[2:])
}

func onlyDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// plainNumber is Phone for digits, with a plus or without, where the way to the
// answer is short: the library looks for letters, extensions and marks in them
// with regular expressions, and puts those of a region together anew for every
// number. It returns "" for all that the library is to decide.
func plainNumber(text, region string) string {
	digits, international := strings.CutPrefix(text, "+")
	if len(digits) < 5 || len(digits) > 15 || !onlyDigits(digits) {
		return ""
	}
	var p *plan
	if international {
		p, digits = planAbroad(digits)
	} else if p = planOf(region); p != nil && (p.abroad.MatchString(digits) || strings.HasPrefix(digits, p.code)) {
		return ""
	}
	if p == nil {
		return ""
	}
	number, ok := p.significant(digits)
	if !ok || !p.main().possible(number) || !international && !p.valid(number) {
		return ""
	}
	return "+" + p.code + number
}

// plan is how numbers are made in a region, as the library's metadata tell it.
type plan struct {
	code          string         // of the country
	abroad, trunk *regexp.Regexp // what is dialled before: nothing, if nil
	rewrites      bool           // the trunk prefix stands for digits
	leading       *regexp.Regexp // which numbers of the country are the region's
	lengths       []int32
	local         []int32 // lengths of what can be dialled within a town only
	general       kindOfNumber
	kinds         []kindOfNumber
}

type kindOfNumber struct {
	lengths []int32 // empty: those of the general kind
	digits  *regexp.Regexp
}

func (k kindOfNumber) matches(number string) bool {
	return (len(k.lengths) == 0 || slices.Contains(k.lengths, int32(len(number)))) && k.digits.MatchString(number)
}

var metadata = sync.OnceValue(func() map[string]*phonenumbers.PhoneMetadata {
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		return nil // the library has panicked at the start already
	}
	byRegion := make(map[string]*phonenumbers.PhoneMetadata, len(all.GetMetadata()))
	for _, m := range all.GetMetadata() {
		byRegion[m.GetId()] = m
	}
	delete(byRegion, phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY)
	return byRegion
})

// plans are made when they are first needed, by region.
var plans sync.Map

// planOf returns the plan of a region, nil if there is none.
func planOf(region string) *plan {
	if known, ok := plans.Load(region); ok {
		return known.(*plan)
	}
	m := metadata()[region]
	if m == nil {
		return nil
	}
	p := &plan{
		code: strconv.Itoa(int(m.GetCountryCode())), abroad: regexp.MustCompile("^(?:" + m.GetInternationalPrefix() + ")"),
		rewrites: m.GetNationalPrefixTransformRule() != "",
		lengths:  m.GetGeneralDesc().GetPossibleLength(), local: m.GetGeneralDesc().GetPossibleLengthLocalOnly(),
		general: kind(m.GetGeneralDesc()),
	}
	if prefix := m.GetNationalPrefixForParsing(); prefix != "" {
		p.trunk = regexp.MustCompile("^(?:" + prefix + ")")
	}
	if digits := m.GetLeadingDigits(); digits != "" {
		p.leading = regexp.MustCompile("^(?:" + digits + ")")
	}
	for _, d := range []*phonenumbers.PhoneNumberDesc{
		m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(), m.GetVoip(),
		m.GetPersonalNumber(), m.GetPager(), m.GetUan(), m.GetVoicemail(),
	} {
		if d.GetNationalNumberPattern() != "" {
			p.kinds = append(p.kinds, kind(d))
		}
	}
	known, _ := plans.LoadOrStore(region, p)
	return known.(*plan)
}

func kind(d *phonenumbers.PhoneNumberDesc) kindOfNumber {
	return kindOfNumber{lengths: d.GetPossibleLength(), digits: regexp.MustCompile("^(?:" + d.GetNationalNumberPattern() + ")$")}
}

// planAbroad returns the plan that an international number belongs to, nil if
// there is none, and the digits behind the country's code.
func planAbroad(digits string) (*plan, string) {
	if digits[0] == '0' {
		return nil, ""
	}
	for n := 1; n <= 3; n++ {
		code, _ := strconv.Atoi(digits[:n])
		if region := phonenumbers.GetRegionCodeForCountryCode(code); region != phonenumbers.UNKNOWN_REGION {
			return planOf(region), digits[n:]
		}
	}
	return nil, ""
}

// significant takes the trunk prefix off. It is false where that is not plain.
func (p *plan) significant(digits string) (string, bool) {
	if p.trunk != nil {
		if at := p.trunk.FindStringIndex(digits); at != nil {
			rest := digits[at[1]:]
			if p.rewrites {
				return "", false
			}
			if !p.general.digits.MatchString(digits) || p.general.digits.MatchString(rest) {
				digits = rest
			}
		}
	}
	return digits, p.possible(digits)
}

func (p *plan) possible(number string) bool {
	n := int32(len(number))
	return slices.Contains(p.lengths, n) && !slices.Contains(p.local, n)
}

// regions are those that share the country's code, the main one first.
func (p *plan) regions() []string {
	code, _ := strconv.Atoi(p.code)
	return phonenumbers.GetRegionCodesForCountryCode(code)
}

func (p *plan) main() *plan { return planOf(p.regions()[0]) }

// valid tells whether a number is of a known kind in the first of the country's
// regions that it can be of.
func (p *plan) valid(number string) bool {
	regions := p.regions()
	if len(regions) == 1 {
		return p.ofKnownKind(number)
	}
	for _, region := range regions {
		own := planOf(region)
		switch {
		case own.leading == nil && own.ofKnownKind(number):
			return true
		case own.leading != nil && own.leading.MatchString(number):
			return own.ofKnownKind(number)
		}
	}
	return false
}

func (p *plan) ofKnownKind(number string) bool {
	return p.general.matches(number) && slices.ContainsFunc(p.kinds, func(k kindOfNumber) bool { return k.matches(number) })
}
