package main

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Problems are everything that is wrong with a configuration, each as
// "path: reason (got x)".
type Problems []string

func (p Problems) Error() string {
	return "configuration: " + strings.Join(p, "\nconfiguration: ")
}

func (p *Problems) add(path, format string, args ...any) {
	*p = append(*p, path+": "+fmt.Sprintf(format, args...))
}

const defaultConfigFile = "config.yaml"

// LoadConfig reads the file at path over the defaults, and the environment
// over both. An empty path means config.yaml if there is one, else the
// defaults alone. The error is a Problems where the content is at fault.
func LoadConfig(path string, environ []string) (Config, error) {
	config := DefaultConfig()
	text, err := readConfigFile(path)
	if err != nil {
		return config, err
	}
	var problems Problems
	if err := decodeStrict(text, &config); err != nil {
		problems = append(problems, yamlProblems(err)...)
	}
	problems = append(problems, overrideFromEnvironment(&config, environ)...)
	if len(problems) > 0 {
		return config, problems
	}
	return config, nil
}

func readConfigFile(path string) ([]byte, error) {
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w (see config.example.yaml)", err)
		}
		return text, nil
	}
	text, err := os.ReadFile(defaultConfigFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

func decodeStrict(text []byte, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// decodeKnown decodes a node and refuses unknown keys, which yaml.Node.Decode
// by itself does not.
func decodeKnown(node *yaml.Node, into any) error {
	var unknown []string
	if node.Kind == yaml.MappingNode {
		known := yamlKeys(reflect.TypeOf(into).Elem())
		for i := 0; i+1 < len(node.Content); i += 2 {
			if key := node.Content[i]; !slices.Contains(known, key.Value) {
				unknown = append(unknown, fmt.Sprintf("line %d: field %s not found in type source", key.Line, key.Value))
			}
		}
	}
	err := node.Decode(into)
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		unknown = append(unknown, typed.Errors...)
	} else if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return &yaml.TypeError{Errors: unknown}
	}
	return nil
}

func yamlKeys(t reflect.Type) []string {
	keys := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		keys = append(keys, t.Field(i).Tag.Get("yaml"))
	}
	return keys
}

// wrongType is yaml's error that repeats a value, or its first characters.
var wrongType = regexp.MustCompile("(?s)^(.*cannot unmarshal !!\\w+)( `.*`) into (\\S+)$")

var unknownField = regexp.MustCompile(`^line (\d+): field (\S+) not found in type \S+$`)

func yamlProblems(err error) Problems {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		return Problems{strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	var problems Problems
	for _, text := range typed.Errors {
		if m := unknownField.FindStringSubmatch(text); m != nil {
			text = fmt.Sprintf("%s: unknown key (line %s)", m[2], m[1])
		}
		// A secret that stands where a list of them should is not repeated.
		if m := wrongType.FindStringSubmatch(text); m != nil && (strings.Contains(m[3], "Secret") || strings.HasSuffix(m[3], "Config")) {
			text = m[1] + " into " + m[3]
			if strings.HasPrefix(m[3], "[]") {
				text = m[1] + ": a list is needed, such as [\"env:NAME\"]"
			}
		}
		problems = append(problems, text)
	}
	return problems
}

const environmentPrefix = "LEADGATE_"

// notSettings are variables of our prefix that are not configuration keys.
var notSettings = []string{"LEADGATE_CONFIG", "LEADGATE_LIBCHDB"}

// overrideFromEnvironment sets scalar keys from LEADGATE_PATH_OF_KEY; lists of
// plain text are separated by commas.
func overrideFromEnvironment(config *Config, environ []string) Problems {
	var problems Problems
	fields := make(map[string]reflect.Value)
	environmentFields(reflect.ValueOf(config).Elem(), environmentPrefix, fields)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, environmentPrefix) || slices.Contains(notSettings, name) {
			continue
		}
		field, ok := fields[name]
		if !ok {
			problems.add(name, "no setting has this environment name")
			continue
		}
		if err := setFromText(field, value); err != nil {
			problems.add(name, "%v", err)
		}
	}
	slices.Sort(problems)
	return problems
}

func environmentFields(v reflect.Value, prefix string, into map[string]reflect.Value) {
	for i := range v.NumField() {
		name := prefix + strings.ToUpper(v.Type().Field(i).Tag.Get("yaml"))
		switch field := v.Field(i); {
		case field.Kind() == reflect.Struct:
			environmentFields(field, name+"_", into)
		case field.Kind() != reflect.Slice || field.Type().Elem().Kind() == reflect.String:
			into[name] = field
		}
	}
}

func setFromText(field reflect.Value, text string) error {
	if u, ok := field.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("not true or false (got %s)", text)
		}
		field.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("not a whole number (got %s)", text)
		}
		field.SetInt(int64(n))
	case reflect.Slice:
		list := reflect.MakeSlice(field.Type(), 0, 1)
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = reflect.Append(list, reflect.ValueOf(part).Convert(field.Type().Elem()))
			}
		}
		field.Set(list)
	default:
		return fmt.Errorf("cannot be set from the environment")
	}
	return nil
}

// resolveSecret reads "env:NAME" and "file:PATH"; anything else is literal.
func resolveSecret(s Secret) (string, error) {
	text := string(s)
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		value := os.Getenv(name)
		if value == "" {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		return value, nil
	}
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("secret file: %w", err)
		}
		if text = strings.TrimRight(string(content), "\r\n"); text == "" {
			return "", fmt.Errorf("secret file %s is empty", path)
		}
	}
	return text, nil
}
