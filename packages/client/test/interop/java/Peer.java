import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Java's consumers beside those of the tests: several in one process, driven by lines of stdin, until stdin ends.
 *
 * join NAME TOPIC,TOPIC N=V…  a member that commits automatically; `peer.delay.ms` is the longest time to handle a record;
 *                             with `enable.auto.commit=false` it commits what each poll returned, when that is handled
 * hold NAME VALUE             it handles the record with this value only after `release`
 * release NAME
 * close NAME
 * begin NAME TOPIC PARTITION VALUE,VALUE   sends records in a new transaction
 * commit NAME | abort NAME                 ends it
 * read NAME TOPIC             the whole topic, from the first to the last committed record
 * configure NAME GROUP N=V,…  sets configs of a group
 *
 * It prints `assigned NAME TOPIC-PARTITION,…`, `gained|gaveup|lost NAME TOPIC-PARTITION,… MS` for the partitions that a member
 * receives, gives up or loses, `configured NAME`, `held NAME VALUE`, `holding NAME`, `record NAME TOPIC PARTITION OFFSET MS
 * VALUE` when a record is handled, `committed NAME TOPIC PARTITION OFFSET MS`, `fetches NAME COUNT`, `closed NAME`, `begun
 * NAME`, `ended NAME`, `log NAME TOPIC PARTITION OFFSET VALUE`, `read NAME`, and `failed NAME MESSAGE`. MS is wall time in ms.
 * Fields are set apart by spaces.
 */
public class Peer {
  private static final String nameConfig = "peer.name";
  private static final String delayConfig = "peer.delay.ms";
  private static final Map<String, Member> members = new ConcurrentHashMap<>();
  private static final Map<String, KafkaProducer<String, String>> producers = new ConcurrentHashMap<>();
  private static String bootstrap;

  public static void main(String[] args) throws Exception {
    bootstrap = args[0];
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] words = line.split(" ");
      String name = words[1];
      switch (words[0]) {
        case "join" -> members.computeIfAbsent(name, key -> new Member(words)).start();
        case "hold" -> members.get(name).hold(words[2]);
        case "release" -> members.get(name).release();
        case "close" -> members.remove(name).stopping = true;
        case "begin" -> background(name, () -> begin(words));
        case "commit" -> background(name, () -> end(name, true));
        case "abort" -> background(name, () -> end(name, false));
        case "read" -> background(name, () -> read(name, words[2]));
        case "configure" -> background(name, () -> configure(words));
        default -> throw new IllegalArgumentException(line);
      }
    }
    Runtime.getRuntime().halt(0);
  }

  private static synchronized void print(Object... words) {
    var line = new StringBuilder();
    for (Object word : words) line.append(line.isEmpty() ? "" : " ").append(word);
    System.out.println(line);
  }

  private static void background(String name, Runnable task) {
    new Thread(() -> guarded(name, task)).start();
  }

  private static void guarded(String name, Runnable task) {
    try {
      task.run();
    } catch (Throwable error) {
      print("failed", name, error.toString().replace('\n', ' '));
    }
  }

  private static void begin(String[] words) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("transactional.id", words[1]);
    properties.put("transaction.timeout.ms", "30000");
    var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    producers.put(words[1], producer);
    producer.initTransactions();
    producer.beginTransaction();
    for (String value : words[4].split(",")) {
      producer.send(new ProducerRecord<>(words[2], Integer.valueOf(words[3]), null, value));
    }
    producer.flush();
    print("begun", words[1]);
  }

  private static void end(String name, boolean commits) {
    try (var producer = producers.remove(name)) {
      if (commits) producer.commitTransaction();
      else producer.abortTransaction();
    }
    print("ended", name);
  }

  private static void read(String name, String topic) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("isolation.level", "read_committed");
    try (var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new StringDeserializer())) {
      var partitions = consumer.partitionsFor(topic).stream().map(p -> new TopicPartition(topic, p.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      var ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          print("log", name, topic, record.partition(), record.offset(), record.value());
        }
      }
    }
    print("read", name);
  }

  private static void configure(String[] words) {
    var group = new ConfigResource(ConfigResource.Type.GROUP, words[2]);
    var changes = Arrays.stream(words[3].split(",")).map(pair -> pair.split("=", 2))
        .map(pair -> new AlterConfigOp(new ConfigEntry(pair[0], pair[1]), AlterConfigOp.OpType.SET)).toList();
    try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.incrementalAlterConfigs(Map.of(group, changes)).all().get();
    } catch (ExecutionException | InterruptedException error) {
      throw new IllegalStateException(error);
    }
    print("configured", words[1]);
  }

  /** A consumer with its thread. */
  private static final class Member extends Thread implements ConsumerRebalanceListener {
    private final String name;
    private final List<String> topics;
    private final Properties properties = new Properties();
    private final int delayMs;
    private final boolean commitsPolls;
    private KafkaConsumer<byte[], String> consumer;
    volatile String held = "";
    volatile boolean stopping;

    Member(String[] words) {
      name = words[1];
      topics = Arrays.asList(words[2].split(","));
      properties.put("bootstrap.servers", bootstrap);
      properties.put("isolation.level", "read_committed");
      properties.put("interceptor.classes", List.of(CommitPrinter.class));
      properties.put(nameConfig, name);
      properties.put(delayConfig, "0");
      for (int i = 3; i < words.length; i++) {
        String[] pair = words[i].split("=", 2);
        properties.put(pair[0], pair[1]);
      }
      delayMs = Integer.parseInt(properties.getProperty(delayConfig));
      commitsPolls = "false".equals(properties.getProperty("enable.auto.commit"));
      setDaemon(true);
    }

    @Override
    public void run() {
      guarded(name, this::consume);
    }

    private void consume() {
      try (var opened = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new StringDeserializer())) {
        consumer = opened;
        consumer.subscribe(topics, this);
        while (!stopping) {
          var polled = consumer.poll(Duration.ofMillis(50));
          for (var record : polled) handle(record);
          if (commitsPolls && !polled.isEmpty()) commit();
        }
        for (var metric : consumer.metrics().values()) {
          boolean counts = metric.metricName().name().equals("fetch-total");
          if (counts) print("fetches", name, ((Number) metric.metricValue()).longValue());
        }
      }
      print("closed", name);
    }

    /** Where it fails, the records are delivered again. */
    private void commit() {
      try {
        consumer.commitSync();
      } catch (KafkaException error) {
        print("uncommitted", name, error.toString().replace('\n', ' '));
      }
    }

    private void handle(ConsumerRecord<byte[], String> record) {
      if (record.value().equals(held)) await();
      if (delayMs > 0) pause(ThreadLocalRandom.current().nextInt(delayMs + 1));
      print("record", name, record.topic(), record.partition(), record.offset(), System.currentTimeMillis(), record.value());
    }

    private synchronized void await() {
      print("holding", name);
      while (!held.isEmpty()) {
        try {
          wait();
        } catch (InterruptedException error) {
          throw new IllegalStateException(error);
        }
      }
    }

    void hold(String value) {
      held = value;
      print("held", name, value);
    }

    synchronized void release() {
      held = "";
      notifyAll();
    }

    private static void pause(int ms) {
      try {
        sleep(ms);
      } catch (InterruptedException error) {
        throw new IllegalStateException(error);
      }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> added) {
      print("gained", name, listOf(added), System.currentTimeMillis());
      print("assigned", name, listOf(consumer.assignment()));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
      print("gaveup", name, listOf(revoked), System.currentTimeMillis());
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> lost) {
      print("lost", name, listOf(lost), System.currentTimeMillis());
    }

    private static String listOf(Collection<TopicPartition> partitions) {
      return String.join(",", partitions.stream().map(TopicPartition::toString).sorted().toList());
    }
  }

  /** Prints each commit that the coordinator has confirmed. Public, because Kafka instantiates it. */
  public static final class CommitPrinter implements ConsumerInterceptor<byte[], String> {
    private String name;

    @Override
    public void configure(Map<String, ?> configs) {
      name = String.valueOf(configs.get(nameConfig));
    }

    @Override
    public ConsumerRecords<byte[], String> onConsume(ConsumerRecords<byte[], String> records) {
      return records;
    }

    @Override
    public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
      offsets.forEach((partition, position) -> print("committed", name, partition.topic(), partition.partition(),
          position.offset(), System.currentTimeMillis()));
    }

    @Override
    public void close() {}
  }
}
