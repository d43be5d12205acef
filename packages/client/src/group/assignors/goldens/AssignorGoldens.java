import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.*;
import org.apache.kafka.common.*;

/** Writes the results of Java's own assignors, one JSON object per line. Run: java -cp 'kafka-dist/*' AssignorGoldens.java > java-assignments.jsonl */
public class AssignorGoldens {
  static final Random random = new Random(20261121);

  public static void main(String[] args) {
    for (int i = 0; i < 60; i++) scenario(i);
    subscriptionBytes();
  }

  static void scenario(int n) {
    int topics = 1 + random.nextInt(4);
    int members = 1 + random.nextInt(6);
    boolean same = n % 2 == 0;
    Map<String, Integer> counts = new TreeMap<>();
    for (int t = 0; t < topics; t++) counts.put("topic-" + (char) ('a' + t), 1 + random.nextInt(9));
    Map<String, List<String>> topicsByMember = new TreeMap<>();
    Map<String, String> instances = new TreeMap<>();
    for (int m = 0; m < members; m++) {
      List<String> own = new ArrayList<>();
      for (String topic : counts.keySet()) if (same || random.nextInt(3) > 0) own.add(topic);
      if (!same && random.nextInt(4) == 0) own.add("missing");
      String id = "member-" + (m * 7) % 10 + "-" + m;
      topicsByMember.put(id, own);
      if (n % 5 == 4 && m % 2 == 0) instances.put(id, "static-" + (9 - m));
    }
    StringBuilder out = new StringBuilder("{\"counts\":" + json(counts) + ",\"members\":[");
    String comma = "";
    for (String id : topicsByMember.keySet()) {
      out.append(comma).append("{\"memberId\":\"" + id + "\",\"instanceId\":" + quote(instances.get(id)) + ",\"topics\":" + json(topicsByMember.get(id)) + "}");
      comma = ",";
    }
    out.append("]");
    for (ConsumerPartitionAssignor assignor : List.of(new RangeAssignor(), new RoundRobinAssignor())) {
      out.append(",\"" + assignor.name() + "\":" + json(assign(assignor, counts, topicsByMember, instances, Map.of(), -1)));
    }
    // Cooperative: from nothing, then with the last member gone, then with it back; each step until nothing moves.
    CooperativeStickyAssignor sticky = new CooperativeStickyAssignor();
    List<String> steps = new ArrayList<>();
    Map<String, List<TopicPartition>> owned = new HashMap<>();
    for (int step = 0; step < 3; step++) {
      Map<String, List<String>> present = new TreeMap<>(topicsByMember);
      if (step == 1 && members > 1) present.remove(((TreeMap<String, List<String>>) topicsByMember).lastKey());
      owned.keySet().retainAll(present.keySet());
      int moved = 0;
      for (int round = 0; round < 3; round++) {
        Map<String, List<TopicPartition>> next = assign(sticky, counts, present, instances, owned, step * 3 + round);
        for (var e : owned.entrySet()) for (TopicPartition tp : e.getValue()) if (!next.get(e.getKey()).contains(tp)) moved++;
        owned = new HashMap<>(next);
      }
      List<Integer> sizes = new ArrayList<>();
      for (List<TopicPartition> list : owned.values()) sizes.add(list.size());
      Collections.sort(sizes);
      steps.add("{\"sizes\":" + sizes.toString().replace(" ", "") + ",\"moved\":" + moved + "}");
    }
    out.append(",\"cooperative-sticky\":[" + String.join(",", steps) + "]}");
    System.out.println(out);
  }

  static Map<String, List<TopicPartition>> assign(ConsumerPartitionAssignor assignor, Map<String, Integer> counts,
      Map<String, List<String>> topicsByMember, Map<String, String> instances, Map<String, List<TopicPartition>> owned, int generation) {
    List<PartitionInfo> infos = new ArrayList<>();
    Node node = new Node(1, "h", 1);
    Node[] nodes = {node};
    for (var e : counts.entrySet())
      for (int p = 0; p < e.getValue(); p++) infos.add(new PartitionInfo(e.getKey(), p, node, nodes, nodes));
    Cluster cluster = new Cluster("c", List.of(node), infos, Set.of(), Set.of());
    Map<String, Subscription> subscriptions = new HashMap<>();
    for (var e : topicsByMember.entrySet()) {
      Subscription s = new Subscription(e.getValue(), null, owned.getOrDefault(e.getKey(), List.of()), generation, Optional.empty());
      s.setGroupInstanceId(Optional.ofNullable(instances.get(e.getKey())));
      subscriptions.put(e.getKey(), s);
    }
    Map<String, List<TopicPartition>> result = new TreeMap<>();
    assignor.assign(cluster, new GroupSubscription(subscriptions)).groupAssignment()
        .forEach((id, a) -> result.put(id, new ArrayList<>(a.partitions())));
    return result;
  }

  static void subscriptionBytes() {
    CooperativeStickyAssignor sticky = new CooperativeStickyAssignor();
    sticky.onAssignment(new Assignment(List.of()), new ConsumerGroupMetadata("g", 7, "m", Optional.empty()));
    Set<String> topics = new TreeSet<>(List.of("a", "b"));
    Subscription s = new Subscription(new ArrayList<>(topics), sticky.subscriptionUserData(topics),
        List.of(new TopicPartition("a", 0), new TopicPartition("a", 2), new TopicPartition("b", 1)), 7, Optional.of("rack-1"));
    var bytes = org.apache.kafka.clients.consumer.internals.ConsumerProtocol.serializeSubscription(s);
    Subscription empty = new Subscription(List.of("z"), null, List.of(), -1, Optional.empty());
    var emptyBytes = org.apache.kafka.clients.consumer.internals.ConsumerProtocol.serializeSubscription(empty);
    var assignment = org.apache.kafka.clients.consumer.internals.ConsumerProtocol.serializeAssignment(
        new Assignment(List.of(new TopicPartition("a", 1), new TopicPartition("a", 3))));
    System.out.println("{\"subscription\":\"" + hex(bytes) + "\",\"emptySubscription\":\"" + hex(emptyBytes) + "\",\"assignment\":\"" + hex(assignment) + "\"}");
  }

  static String hex(java.nio.ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  static String quote(String s) { return s == null ? "null" : "\"" + s + "\""; }

  static String json(Map<String, ?> map) {
    StringBuilder out = new StringBuilder("{");
    String comma = "";
    for (var e : map.entrySet()) {
      out.append(comma).append("\"" + e.getKey() + "\":");
      if (e.getValue() instanceof List<?> list) {
        List<String> names = new ArrayList<>();
        for (Object o : list) names.add(o.toString());
        Collections.sort(names);
        out.append(json(names));
      } else out.append(e.getValue());
      comma = ",";
    }
    return out.append("}").toString();
  }

  static String json(List<String> list) {
    return list.isEmpty() ? "[]" : "[\"" + String.join("\",\"", list) + "\"]";
  }
}
