import java.nio.charset.StandardCharsets;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The other side of the interoperability tests: what Java's own clients do with the same topics and groups.
 *
 * produce BOOTSTRAP TOPIC [NAME=VALUE]…  sends a record a line of stdin, prints `partition offset` for each
 * consume BOOTSTRAP TOPIC COUNT          prints the first COUNT records of the topic, a JSON object each
 * read    BOOTSTRAP TOPIC [NAME=VALUE]…  prints the topic up to its present end: `partition offset value`, then `end`
 * group   BOOTSTRAP TOPIC GROUP [N=V]…   a member until stdin ends: prints `assigned 0,1` and `record partition offset value`
 *
 * A line of input is fields set apart by tabs: timestamp, key, value, then name:value of each header. All but the first are
 * base64, `-` stands for null.
 */
public class Interop {
  private static final BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "produce" -> produce(args);
      case "consume" -> consume(args);
      case "read" -> read(args);
      case "group" -> group(args);
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  private static Properties properties(String[] args, int from) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", args[1]);
    for (int i = from; i < args.length; i++) {
      String[] pair = args[i].split("=", 2);
      properties.put(pair[0], pair[1]);
    }
    return properties;
  }

  private static byte[] decoded(String field) {
    return field.equals("-") ? null : Base64.getDecoder().decode(field);
  }

  private static String encoded(byte[] bytes) {
    return bytes == null ? "null" : '"' + Base64.getEncoder().encodeToString(bytes) + '"';
  }

  private static void produce(String[] args) throws Exception {
    var serializer = new ByteArraySerializer();
    try (var producer = new KafkaProducer<>(properties(args, 3), serializer, serializer)) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (String line = input.readLine(); line != null; line = input.readLine()) {
        String[] fields = line.split("\t", -1);
        Long timestamp = fields[0].equals("-") ? null : Long.valueOf(fields[0]);
        var record = new ProducerRecord<>(args[2], null, timestamp, decoded(fields[1]), decoded(fields[2]));
        for (int i = 3; i < fields.length; i++) {
          String[] pair = fields[i].split(":", 2);
          String name = new String(decoded(pair[0]), StandardCharsets.UTF_8);
          record.headers().add(name, decoded(pair[1]));
        }
        sent.add(producer.send(record));
      }
      var output = new StringBuilder();
      for (var result : sent) output.append(result.get().partition()).append(' ').append(result.get().offset()).append('\n');
      System.out.print(output);
    }
  }

  private static KafkaConsumer<byte[], byte[]> consumer(Properties properties) {
    return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static void consume(String[] args) {
    Properties properties = properties(args, 4);
    properties.put("auto.offset.reset", "earliest");
    try (var consumer = consumer(properties)) {
      var partitions = consumer.partitionsFor(args[2]).stream().map(p -> new TopicPartition(args[2], p.partition())).toList();
      consumer.assign(partitions);
      var output = new StringBuilder();
      for (int left = Integer.parseInt(args[3]); left > 0; ) {
        for (var record : consumer.poll(Duration.ofSeconds(1))) {
          if (left-- > 0) output.append(json(record)).append('\n');
        }
      }
      System.out.print(output);
    }
  }

  private static void read(String[] args) {
    try (var consumer = consumer(properties(args, 3))) {
      var partitions = consumer.partitionsFor(args[2]).stream().map(p -> new TopicPartition(args[2], p.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      var ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
        var output = new StringBuilder();
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          String value = record.value() == null ? "-" : new String(record.value(), StandardCharsets.UTF_8);
          output.append(record.partition()).append(' ').append(record.offset()).append(' ').append(value).append('\n');
        }
        System.out.print(output);
      }
    }
    System.out.println("end");
  }

  private static String json(ConsumerRecord<byte[], byte[]> record) {
    List<String> headers = new ArrayList<>();
    for (Header header : record.headers()) {
      String name = encoded(header.key().getBytes(StandardCharsets.UTF_8));
      headers.add("[" + name + "," + encoded(header.value()) + "]");
    }
    return "{\"partition\":" + record.partition() + ",\"offset\":" + record.offset() + ",\"timestamp\":" + record.timestamp()
        + ",\"key\":" + encoded(record.key()) + ",\"value\":" + encoded(record.value())
        + ",\"headers\":[" + String.join(",", headers) + "]}";
  }

  private static void group(String[] args) throws Exception {
    Properties properties = properties(args, 4);
    properties.put("group.id", args[3]);
    properties.put("auto.offset.reset", "earliest");
    properties.put("auto.commit.interval.ms", "100");
    try (var consumer = consumer(properties)) {
      consumer.subscribe(List.of(args[2]), new Printer(consumer));
      while (!(input.ready() && input.readLine() != null)) {
        for (var record : consumer.poll(Duration.ofMillis(50))) {
          String value = record.value() == null ? "-" : new String(record.value(), StandardCharsets.UTF_8);
          System.out.println("record " + record.partition() + " " + record.offset() + " " + value);
        }
      }
    }
    System.out.println("left");
  }

  /** Tells after each rebalance what this member has. */
  private record Printer(KafkaConsumer<byte[], byte[]> consumer) implements ConsumerRebalanceListener {
    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> added) {
      String all = consumer.assignment().stream().map(TopicPartition::partition).sorted().map(String::valueOf).collect(Collectors.joining(","));
      System.out.println("assigned " + all);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {}
  }
}
