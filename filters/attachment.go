package filters

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gatepost/internal/attachment"
	"gatepost/pipeline"
)

// attachmentFilter looks into attachments: what they are by their content and by their names,
// and what archives (zip, gzip, tar, bzip2, xz, zstd, 7z, rar, iso; of cab and of old rar the names),
// office documents, PDFs, mails, notebooks and winmail.dat hold, archives in archives included.
// The result is the worst class that was found, in the order of the table; the evidence has all
// of them. A class that is not among `kinds` is not looked at: that lets it pass, where an effect
// `none` would also let pass whatever else the message has. `allow` and `block` are
// extensions: files with an allowed one may be programs, scripts, images of disks or documents
// with macros, unless their name hides what they are; those with a blocked one are `listed`. What
// comes out of archives is bounded by `expanded_mib`, `files` and `depth`; what is beyond, or takes more
// than eight seconds, is `unread`, or a `bomb` if it is an archive, since filler may hide what is in it; what expands
// a hundredfold is a `bomb`. Small attachments are looked at first. Looks after every
// ending that delivers, and at what people here send: no sender is allowed to send a program. Where it can't look at all the message is
// deferred. Nobody but an operator may release what it holds.
type attachmentFilter struct {
	limits       attachment.Limits
	kinds        map[attachment.Class]bool
	allow, block map[string]bool
}

type attachmentOptions struct {
	Kinds    []string `setting:"kinds" doc:"the classes that are looked for; all by default"`
	Allow    []string `setting:"allow" doc:"extensions whose files may be what they are named as: [xlsm]"`
	Block    []string `setting:"block" doc:"extensions that are listed besides: [zip]"`
	Depth    int      `setting:"depth" doc:"archives in archives; deeper ones are a bomb"`
	Files    int      `setting:"files" doc:"files of a message, those in archives included; more are a bomb"`
	Expanded int      `setting:"expanded_mib" doc:"MiB that are unpacked of one message"`
}

func attachmentKind() pipeline.Kind {
	return pipeline.Kind{
		Name: "attachment", Stage: pipeline.Data, Scope: pipeline.PerMessage, Always: true, Guarded: true, Timeout: attachmentsTime,
		Results: []pipeline.Result{
			{Word: "executable", Effect: "quarantine", Doc: "a program, script, shortcut or installer, by content or by name"},
			{Word: "macro", Effect: "quarantine", Doc: "an office document that runs something, or fetches what does: VBA, Excel 4, DDE, templates, objects"},
			{Word: "disguised", Effect: "quarantine", Doc: "a name that hides what the file is: two extensions, turned letters, many spaces, another content"},
			{Word: "active", Effect: "quarantine", Doc: "a page that builds a file, a picture with a script, a PDF with a script or that starts a program"},
			{Word: "container", Effect: "quarantine", Doc: "a disk image or OneNote notebook: files in it arrive without the mark that they came by mail"},
			{Word: "bomb", Effect: "quarantine", Doc: "more comes out of it than of any honest file"},
			{Word: "encrypted", Effect: "quarantine", Doc: "an archive or office document that needs a password"},
			{Word: "unopened", Effect: "quarantine", Doc: "an archive of a format that nothing here reads (ARJ, LZH, ACE): it may hold anything"},
			{Word: "listed", Effect: "quarantine", Doc: "its extension is in block"},
			{Word: "broken", Effect: "score 2", Doc: "it can't be read by the rules of its format"},
			{Word: "unread", Effect: "score 1", Doc: "a size, time or method of packing beyond what is looked into, such as what is packed in cab or old rar; encrypted PDFs"},
			{Word: "none", Effect: "none", Doc: "nothing of that"},
			{Word: pipeline.TempError, Effect: "defer", Doc: "the message could not be read, or there was no time at all: it is not delivered without a look"},
		},
		Options: func() any {
			l := attachment.DefaultLimits()
			return &attachmentOptions{Kinds: []string{}, Allow: []string{}, Block: []string{}, Depth: l.Depth, Files: l.Count, Expanded: int(l.Expanded >> 20)}
		},
		New: func(options any) (pipeline.Filter, error) { return newAttachment(*options.(*attachmentOptions)) },
	}
}

func newAttachment(o attachmentOptions) (pipeline.Filter, error) {
	f := attachmentFilter{limits: attachment.DefaultLimits(), kinds: map[attachment.Class]bool{}}
	switch {
	case o.Depth < 1 || o.Depth > 20:
		return nil, fmt.Errorf("depth %d is not from 1 to 20", o.Depth)
	case o.Files < 1 || o.Files > 100_000:
		return nil, fmt.Errorf("files %d is not from 1 to 100000", o.Files)
	case o.Expanded < 1 || o.Expanded > 4096:
		return nil, fmt.Errorf("expanded_mib %d is not from 1 to 4096", o.Expanded)
	}
	f.limits.Depth, f.limits.Count, f.limits.Expanded = o.Depth, o.Files, int64(o.Expanded)<<20
	for _, c := range attachment.Classes() {
		f.kinds[c] = len(o.Kinds) == 0
	}
	for _, k := range o.Kinds {
		if _, known := f.kinds[attachment.Class(k)]; !known {
			return nil, fmt.Errorf("kinds: there is no %q%s", k, pipeline.Suggest(k, classWords()))
		}
		f.kinds[attachment.Class(k)] = true
	}
	var err error
	if f.allow, err = extensions(o.Allow); err != nil {
		return nil, fmt.Errorf("allow: %w", err)
	}
	if f.block, err = extensions(o.Block); err != nil {
		return nil, fmt.Errorf("block: %w", err)
	}
	return f, nil
}

func classWords() (words []string) {
	for _, c := range attachment.Classes() {
		words = append(words, string(c))
	}
	return words
}

// extensions reads a list of extensions, with or without a dot in front.
func extensions(list []string) (map[string]bool, error) {
	set := map[string]bool{}
	for _, s := range list {
		ext := attachment.Extension("x." + strings.TrimPrefix(s, "."))
		if ext == "" || strings.ContainsAny(s[min(len(s), 1):], ". /*") {
			return nil, fmt.Errorf("%q is no extension", s)
		}
		set[ext] = true
	}
	return set, nil
}

// Check implements pipeline.Filter.
func (f attachmentFilter) Check(ctx context.Context, q pipeline.Query) (pipeline.Finding, error) {
	r, err := attachmentsWithin(ctx, q.Tx, f.limits)
	if err != nil {
		return pipeline.Finding{}, fmt.Errorf("attachment: %w", err)
	}
	if len(r.Files) == 0 && r.Cut == "" {
		return pipeline.Finding{Result: "none"}, nil
	}
	found := map[attachment.Class][]string{}
	for i := range r.Files {
		file := &r.Files[i]
		for _, g := range f.flags(file) {
			found[g.Class] = append(found[g.Class], file.Path+": "+g.What)
		}
	}
	finding := pipeline.Finding{Result: "none"}
	for _, c := range attachment.Classes() {
		list := slices.Compact(found[c])
		if !f.kinds[c] || len(list) == 0 {
			continue
		}
		if finding.Result == "none" {
			finding.Result, finding.Reason = string(c), shorten(list[0])+more(len(list)-1)
		}
		for _, what := range list[:min(len(list), maxFlagsSeen)] {
			finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: string(c), Value: shorten(what)})
		}
	}
	if r.Cut != "" {
		finding.Evidence = append(finding.Evidence, pipeline.Evidence{Key: "cut", Value: r.Cut})
	}
	return finding, nil
}

// maxFlagsSeen bounds the evidence of one class.
const maxFlagsSeen = 5

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// flags returns what counts of a file's flags.
func (f attachmentFilter) flags(file *attachment.File) []attachment.Flag {
	flags := file.Flags
	ext := attachment.Extension(file.Name)
	if f.allow[ext] && !file.Has(attachment.Disguised) {
		flags = slices.DeleteFunc(slices.Clone(flags), func(g attachment.Flag) bool {
			return g.Class == attachment.Executable || g.Class == attachment.Macro || g.Class == attachment.Container
		})
	}
	if f.block[ext] || slices.ContainsFunc(file.Also, func(name string) bool { return f.block[attachment.Extension(name)] }) {
		flags = append(flags[:len(flags):len(flags)], attachment.Flag{Class: attachment.Listed, What: "its extension is listed"})
	}
	return flags
}
