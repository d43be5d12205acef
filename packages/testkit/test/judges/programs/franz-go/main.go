// franz-go as a judge: the first argument is the bootstrap list; prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topic  = "judge-franz-go"
	output = "judge-franz-go-out"
	group  = "judge-franz-go"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

var seeds = kgo.SeedBrokers(strings.Split(os.Args[1], ",")...)

func client(options ...kgo.Opt) *kgo.Client {
	return must(kgo.NewClient(append(options, seeds)...))
}

func produceAll(ctx context.Context) int {
	sent := 0
	codecs := []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}
	for number, codec := range codecs {
		producer := client(kgo.ProducerBatchCompression(codec), kgo.DefaultProduceTopic(topic))
		records := []*kgo.Record{}
		for i := 0; i < 200; i++ {
			value := fmt.Sprintf("c%d-%d-%s", number, i, strings.Repeat("x", 100))
			records = append(records, kgo.KeyStringRecord(fmt.Sprintf("k%d", i), value))
		}
		check(producer.ProduceSync(ctx, records...).FirstErr())
		sent += len(records)
		producer.Close()
	}
	return sent
}

func consume(ctx context.Context, name string, from string, count int, options ...kgo.Opt) map[string]bool {
	consumer := client(append(options, kgo.ConsumerGroup(name), kgo.ConsumeTopics(from), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	values := map[string]bool{}
	for len(values) < count {
		fetches := consumer.PollFetches(ctx)
		for _, failed := range fetches.Errors() {
			check(failed.Err)
		}
		fetches.EachRecord(func(record *kgo.Record) { values[string(record.Value)] = true })
	}
	check(consumer.CommitUncommittedOffsets(ctx))
	consumer.Close()
	return values
}

// Reads records and writes them in transactions together with their offsets: exactly once.
func transact(ctx context.Context, count int) (aborted int, committed int) {
	session := must(kgo.NewGroupTransactSession(seeds, kgo.TransactionalID("judge-franz-go"), kgo.ConsumerGroup(group+"-eos"),
		kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxBytes(20000),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(), kgo.DefaultProduceTopic(output)))
	defer session.Close()
	for committed < count {
		fetches := session.PollFetches(ctx)
		check(fetches.Err0())
		check(session.Begin())
		number := 0
		fetches.EachRecord(func(record *kgo.Record) {
			number++
			session.Produce(ctx, &kgo.Record{Value: record.Value}, nil)
		})
		// The first transaction is aborted, and its records are read again.
		done := must(session.End(ctx, kgo.TransactionEndTry(aborted > 0)))
		if done {
			committed += number
		} else {
			aborted += number
		}
	}
	return aborted, committed
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	result := map[string]any{"judge": "franz-go"}
	base := client()
	admin := kadm.NewClient(base)
	must(admin.CreateTopics(ctx, 3, 3, nil, topic, output))
	_, duplicate := admin.CreateTopic(ctx, 3, 3, nil, topic)
	result["duplicate"] = duplicate == kerr.TopicAlreadyExists
	sent := produceAll(ctx)
	result["sent"] = sent
	result["received"] = len(consume(ctx, group, topic, sent))
	offsets := must(admin.FetchOffsets(ctx, group))
	committed := int64(0)
	offsets.Each(func(offset kadm.OffsetResponse) { committed += offset.At })
	result["committed"] = committed
	aborted, kept := transact(ctx, sent)
	result["aborted"] = aborted > 0
	result["transacted"] = kept
	result["exactlyOnce"] = len(consume(ctx, group+"-out", output, sent))
	lags := must(admin.Lag(ctx, group))
	total := int64(0)
	states := []string{}
	for _, lag := range lags {
		total += lag.Lag.Total()
		states = append(states, lag.State)
	}
	sort.Strings(states)
	result["lag"] = total
	result["states"] = states
	transactions := must(admin.DescribeTransactions(ctx, "judge-franz-go"))
	for _, transaction := range transactions {
		result["transaction"] = transaction.State
	}
	must(admin.DeleteGroups(ctx, group))
	must(admin.DeleteTopics(ctx, topic, output))
	base.Close()
	check(json.NewEncoder(os.Stdout).Encode(result))
}
