import java.nio.ByteBuffer;
import java.util.*;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.*;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.*;

/**
 * Random groups whose members, topics and racks change from step to step, assigned by Java's own assignors: one JSON object per step.
 * Arguments: a seed, the number of groups. Metadata and assignments are the bytes that Java's client writes, in hex.
 * To record: java -cp 'kafka-dist/*' AssignorSteps.java 7 24 > src/group/assignors/goldens/java-steps.jsonl
 */
public class AssignorSteps {
  static final List<String> RACKS = List.of("a", "b", "c");
  static final int STEPS = 6;

  static final class Member {
    final String id;
    final String instance;
    final String rack;
    final short version;
    final ConsumerPartitionAssignor assignor;
    Set<String> topics = new TreeSet<>();
    List<TopicPartition> owned = new ArrayList<>();
    int generation = -1;

    Member(String id, String instance, String rack, short version, ConsumerPartitionAssignor assignor) {
      this.id = id;
      this.instance = instance;
      this.rack = rack;
      this.version = version;
      this.assignor = assignor;
    }
  }

  final Random random;
  final Supplier<ConsumerPartitionAssignor> create;
  final TreeMap<String, List<String>> topics = new TreeMap<>();
  final List<Member> members = new ArrayList<>();
  final boolean equal;
  final int rackMode;
  final boolean faults;
  int ids = 0;
  int generation = 0;

  AssignorSteps(long seed, Supplier<ConsumerPartitionAssignor> create) {
    this.random = new Random(seed);
    this.create = create;
    this.equal = random.nextInt(2) == 0;
    this.rackMode = random.nextInt(3);
    this.faults = random.nextInt(2) == 0;
    int count = 1 + random.nextInt(4);
    for (int t = 0; t < count; t++) addTopic();
    int size = 1 + random.nextInt(6);
    for (int m = 0; m < size; m++) addMember();
  }

  public static void main(String[] args) {
    long seed = Long.parseLong(args[0]);
    int groups = Integer.parseInt(args[1]);
    List<Supplier<ConsumerPartitionAssignor>> assignors =
        List.of(RangeAssignor::new, RoundRobinAssignor::new, StickyAssignor::new, CooperativeStickyAssignor::new);
    for (int group = 0; group < groups; group++)
      for (int i = 0; i < assignors.size(); i++) {
        // The two sticky assignors, whose results depend on the history, get more groups.
        if (i < 2 && group % 3 != 0) continue;
        new AssignorSteps(seed * 1000 + group, assignors.get(i)).run();
      }
  }

  void run() {
    for (int step = 0; step < STEPS; step++) {
      if (step > 0) change();
      try {
        System.out.println(assign());
      } catch (NullPointerException e) {
        // A bug of Java's general plan: a member of before that cannot participate any more. There is no result to compare with.
        return;
      }
    }
  }

  void addTopic() {
    String name = "topic-" + (char) ('a' + random.nextInt(20));
    if (topics.containsKey(name)) return;
    List<String> partitions = new ArrayList<>();
    int count = 1 + random.nextInt(10);
    for (int p = 0; p < count; p++) partitions.add(replicaRacks());
    topics.put(name, partitions);
    if (members.isEmpty()) return;
    if (equal) for (Member member : members) member.topics = new TreeSet<>(topics.keySet());
    else members.get(random.nextInt(members.size())).topics.add(name);
  }

  /** The racks of the replicas, one letter each. */
  String replicaRacks() {
    if (rackMode == 0 || random.nextInt(12) == 0) return "";
    int replicas = 1 + random.nextInt(2);
    StringBuilder racks = new StringBuilder();
    int first = random.nextInt(RACKS.size());
    for (int r = 0; r < replicas; r++) racks.append(RACKS.get((first + r) % RACKS.size()));
    return racks.toString();
  }

  void addMember() {
    int n = ids++;
    String id = "member-" + Long.toHexString(random.nextInt(0xffff)) + "-" + n;
    String instance = random.nextInt(6) == 0 ? "static-" + (char) ('z' - n) : null;
    String rack = rackMode == 0 || (rackMode == 1 && random.nextInt(3) == 0) ? null : RACKS.get(random.nextInt(RACKS.size()));
    short version = random.nextInt(8) == 0 ? (short) random.nextInt(4) : 3;
    Member member = new Member(id, instance, rack, version, create.get());
    for (String topic : topics.keySet()) if (equal || random.nextInt(3) > 0) member.topics.add(topic);
    if (member.topics.isEmpty()) member.topics.add(topics.firstKey());
    members.add(random.nextInt(members.size() + 1), member);
  }

  void change() {
    int changes = 1 + random.nextInt(2);
    for (int i = 0; i < changes; i++) {
      switch (random.nextInt(6)) {
        case 0, 1 -> addMember();
        case 2, 3 -> {
          if (members.size() > 1) members.remove(random.nextInt(members.size()));
        }
        case 4 -> {
          List<String> partitions = topics.get(List.copyOf(topics.keySet()).get(random.nextInt(topics.size())));
          int more = 1 + random.nextInt(3);
          for (int p = 0; p < more; p++) partitions.add(replicaRacks());
        }
        default -> {
          int kind = random.nextInt(3);
          if (kind == 0) addTopic();
          else if (kind == 1 && topics.size() > 1) topics.remove(topics.lastKey());
          else if (!equal) {
            Member member = members.get(random.nextInt(members.size()));
            String topic = List.copyOf(topics.keySet()).get(random.nextInt(topics.size()));
            if (!member.topics.remove(topic) || member.topics.isEmpty()) member.topics.add(topic);
          }
        }
      }
    }
  }

  String assign() {
    generation++;
    Map<String, Subscription> subscriptions = new HashMap<>();
    StringBuilder line = new StringBuilder("{\"assignor\":\"" + members.get(0).assignor.name() + "\",\"topics\":{");
    String comma = "";
    for (var topic : topics.entrySet()) {
      line.append(comma).append("\"" + topic.getKey() + "\":\"" + String.join(",", topic.getValue()) + "\"");
      comma = ",";
    }
    line.append("},\"members\":[");
    comma = "";
    for (Member member : members) {
      ByteBuffer metadata = metadataOf(member);
      line.append(comma).append("[\"" + member.id + "\"," + (member.instance == null ? "null" : "\"" + member.instance + "\""))
          .append(",\"" + hex(metadata) + "\"]");
      comma = ",";
      Subscription subscription = ConsumerProtocol.deserializeSubscription(metadata.duplicate());
      subscription.setGroupInstanceId(Optional.ofNullable(member.instance));
      subscriptions.put(member.id, subscription);
    }
    Map<String, Assignment> result = create.get().assign(cluster(), new GroupSubscription(subscriptions)).groupAssignment();
    line.append("],\"result\":{");
    comma = "";
    for (Member member : members) {
      Assignment assignment = result.get(member.id);
      ByteBuffer bytes = ConsumerProtocol.serializeAssignment(assignment);
      line.append(comma).append("\"" + member.id + "\":\"" + hex(bytes) + "\"");
      comma = ",";
      // With faults some members miss an assignment, and come back with what they had before.
      if (faults && random.nextInt(5) == 0) continue;
      member.owned = new ArrayList<>(assignment.partitions());
      member.generation = generation;
      member.assignor.onAssignment(ConsumerProtocol.deserializeAssignment(bytes),
          new ConsumerGroupMetadata("group", generation, member.id, Optional.ofNullable(member.instance)));
    }
    return line.append("}}").toString();
  }

  ByteBuffer metadataOf(Member member) {
    boolean keeps = member.assignor.supportedProtocols().contains(RebalanceProtocol.COOPERATIVE);
    List<TopicPartition> owned = keeps ? member.owned.stream().filter(tp -> member.topics.contains(tp.topic())).toList() : List.of();
    ByteBuffer userData = member.assignor.subscriptionUserData(member.topics);
    Subscription subscription = new Subscription(new ArrayList<>(member.topics), userData, owned, member.generation, Optional.ofNullable(member.rack));
    return ConsumerProtocol.serializeSubscription(subscription, member.version);
  }

  Cluster cluster() {
    List<Node> nodes = new ArrayList<>();
    for (int i = 0; i < RACKS.size(); i++) nodes.add(new Node(i, "host", 9092, RACKS.get(i)));
    Node bare = new Node(9, "host", 9092);
    nodes.add(bare);
    List<PartitionInfo> infos = new ArrayList<>();
    topics.forEach((topic, partitions) -> {
      for (int p = 0; p < partitions.size(); p++) {
        List<Node> replicas = new ArrayList<>();
        for (char rack : partitions.get(p).toCharArray()) replicas.add(nodes.get(rack - 'a'));
        if (replicas.isEmpty()) replicas.add(bare);
        Node[] all = replicas.toArray(new Node[0]);
        infos.add(new PartitionInfo(topic, p, all[0], all, all));
      }
    });
    return new Cluster("cluster", nodes, infos, Set.of(), Set.of());
  }

  static String hex(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return HexFormat.of().formatHex(bytes);
  }
}
