import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.*;

/** Kafka Streams as a judge: counts words exactly once, and continues its counts after a restart. */
public final class WordCount {
    static final String INPUT = "judge-streams-lines";
    static final String OUTPUT = "judge-streams-counts";

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(INPUT, 2, (short) 3), new NewTopic(OUTPUT, 2, (short) 3))).all().get();
            Map<String, Long> counts = new TreeMap<>();
            int updates = 0;
            // The second run restores its counts from the changelog.
            for (int run = 0; run < 2; run++) {
                produce(bootstrap, 100);
                KafkaStreams streams = start(bootstrap);
                updates = await(bootstrap, Integer.parseInt(args[1]), counts, 300L * (run + 1));
                streams.close(Duration.ofSeconds(10));
            }
            Set<String> topics = new TreeSet<>(admin.listTopics().names().get());
            System.out.println("{\"judge\":\"kafka-streams\",\"counts\":\"" + counts + "\",\"updates\":" + updates
                + ",\"changelog\":" + topics.stream().anyMatch(name -> name.endsWith("-changelog"))
                + ",\"repartition\":" + topics.stream().anyMatch(name -> name.endsWith("-repartition")) + "}");
        }
    }

    static void produce(String bootstrap, int lines) {
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "compression.type", "lz4");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < lines; i++) producer.send(new ProducerRecord<>(INPUT, "k" + i, "the quick " + (i % 2 == 0 ? "fox" : "the")));
        }
    }

    static KafkaStreams start(String bootstrap) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(INPUT, Consumed.with(Serdes.String(), Serdes.String()))
            .flatMapValues(line -> List.of(line.split(" ")))
            .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
            .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts"))
                .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
            .toStream().to(OUTPUT, Produced.with(Serdes.String(), Serdes.Long()));
        Properties config = new Properties();
        config.put("application.id", "judge-streams");
        config.put("bootstrap.servers", bootstrap);
        config.put("processing.guarantee", "exactly_once_v2");
        config.put("commit.interval.ms", "100");
        config.put("replication.factor", "3");
        // Streams does not leave its group: the next run waits for the session timeout of the previous one.
        config.put("session.timeout.ms", "6000");
        config.put("heartbeat.interval.ms", "500");
        config.put("auto.offset.reset", "earliest");
        config.put("state.dir", System.getProperty("java.io.tmpdir") + "/ottla-judge-streams-" + ProcessHandle.current().pid());
        KafkaStreams streams = new KafkaStreams(builder.build(), config);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.start();
        return streams;
    }

    /** Reads committed records until the counts add up to `total`; returns the number of updates. */
    static int await(String bootstrap, int seconds, Map<String, Long> counts, long total) {
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed",
            "auto.offset.reset", "earliest", "enable.auto.commit", "false", "group.id", "judge-streams-reader");
        int updates = 0;
        long deadline = System.nanoTime() + 1_000_000_000L * seconds;
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new LongDeserializer())) {
            consumer.subscribe(List.of(OUTPUT));
            while (counts.values().stream().mapToLong(Long::longValue).sum() < total) {
                if (System.nanoTime() > deadline) throw new IllegalStateException("only " + counts + " of " + total);
                for (ConsumerRecord<String, Long> record : consumer.poll(Duration.ofMillis(200))) {
                    counts.put(record.key(), record.value());
                    updates++;
                }
            }
        }
        return updates;
    }
}
