// Command calls does everything that the test wants of the Go client, against the daemon of the environment.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	modal "github.com/modal-labs/modal-client/go"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func equal(got, want any) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		log.Fatalf("got %v, want %v", got, want)
	}
}

func refused(err error, part string) {
	if err == nil || !strings.Contains(err.Error(), part) {
		log.Fatalf("got %v, want an error with %q", err, part)
	}
}

func calls(ctx context.Context, client *modal.Client) {
	repeat, err := client.Functions.FromName(ctx, "answers", "repeat", nil)
	check(err)
	text, err := repeat.Remote(ctx, []any{"plum"}, nil)
	check(err)
	equal(text, "plumplum")
	text, err = repeat.Remote(ctx, []any{"a"}, map[string]any{"times": 3})
	check(err)
	equal(text, "aaa")
	spawned, err := repeat.Spawn(ctx, []any{"b"}, nil)
	check(err)
	text, err = spawned.Get(ctx, nil)
	check(err)
	equal(text, "bb")
	fail, err := client.Functions.FromName(ctx, "answers", "fail", nil)
	check(err)
	_, err = fail.Remote(ctx, nil, nil)
	refused(err, "no such fruit")
	_, err = client.Functions.FromName(ctx, "answers", "absent", nil)
	refused(err, "absent")
}

func methods(ctx context.Context, client *modal.Client) {
	counter, err := client.Cls.FromName(ctx, "answers", "Counter", nil)
	check(err)
	for start, want := range map[int64]int{10: 11, 5: 6} {
		instance, err := counter.Instance(ctx, map[string]any{"start": start})
		check(err)
		add, err := instance.Method("add")
		check(err)
		sum, err := add.Remote(ctx, []any{1}, nil)
		check(err)
		equal(sum, want)
	}
}

func objects(ctx context.Context, client *modal.Client) {
	queue, err := client.Queues.FromName(ctx, "fruit-go", &modal.QueueFromNameParams{CreateIfMissing: true})
	check(err)
	check(queue.Put(ctx, "pear", nil))
	check(queue.PutMany(ctx, []any{"fig", 7}, nil))
	count, err := queue.Len(ctx, nil)
	check(err)
	equal(count, 3)
	first, err := queue.Get(ctx, nil)
	check(err)
	equal(first, "pear")
	rest, err := queue.GetMany(ctx, 2, nil)
	check(err)
	equal(rest, []any{"fig", 7})
	_, err = client.Secrets.FromName(ctx, "fruit-secret", &modal.SecretFromNameParams{RequiredKeys: []string{"FRUIT"}})
	check(err)
	_, err = client.Secrets.FromName(ctx, "fruit-secret", &modal.SecretFromNameParams{RequiredKeys: []string{"STONE"}})
	refused(err, "STONE")
	volume, err := client.Volumes.FromName(ctx, "fruit-volume", &modal.VolumeFromNameParams{CreateIfMissing: true})
	check(err)
	if !strings.HasPrefix(volume.VolumeID, "vo-") {
		log.Fatal("volume ", volume.VolumeID)
	}
}

func read(from io.Reader) string {
	text, err := io.ReadAll(from)
	check(err)
	return string(text)
}

func sandboxes(ctx context.Context, client *modal.Client) {
	app, err := client.Apps.FromName(ctx, "answers", nil)
	check(err)
	image, err := client.Images.FromID(ctx, os.Getenv("IMAGE"), nil)
	check(err)
	command := &modal.SandboxCreateParams{Command: []string{"sh", "-c", "read x; echo $x; exit 5"}}
	box, err := client.Sandboxes.Create(ctx, app, image, command)
	check(err)
	beside, err := box.Exec(ctx, []string{"sh", "-c", "cat; echo $FRUIT >&2; exit 3"}, nil)
	check(err)
	_, err = io.WriteString(beside.Stdin, "pear")
	check(err)
	check(beside.Stdin.Close())
	equal(read(beside.Stdout), "pear")
	equal(read(beside.Stderr), "apple\n")
	status, err := beside.Wait(ctx, nil)
	check(err)
	equal(status, 3)
	_, err = io.WriteString(box.Stdin, "fig\n")
	check(err)
	equal(read(box.Stdout), "fig\n")
	status, err = box.Wait(ctx, nil)
	check(err)
	equal(status, 5)
}

func main() {
	ctx := context.Background()
	client, err := modal.NewClient()
	check(err)
	defer client.Close()
	calls(ctx, client)
	methods(ctx, client)
	objects(ctx, client)
	sandboxes(ctx, client)
	fmt.Println("all of it")
}
