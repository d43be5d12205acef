import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.serialization.*;

/**
 * Writes what Java's own serializers write, and what its deserializers read or refuse, one JSON object per line.
 * Run: java -cp 'kafka-dist/*' SerializerGoldens.java > java-serializers.jsonl
 */
public class SerializerGoldens {
  public static void main(String[] args) {
    for (short v : new short[] {0, 1, -1, 258, Short.MIN_VALUE, Short.MAX_VALUE}) write("int16", new ShortSerializer(), v, "" + v);
    for (int v : new int[] {0, 1, -1, 16909060, Integer.MIN_VALUE, Integer.MAX_VALUE}) write("int32", new IntegerSerializer(), v, "" + v);
    for (long v : new long[] {0, 1, -1, 72623859790382856L, Long.MIN_VALUE, Long.MAX_VALUE}) write("int64", new LongSerializer(), v, "" + v);
    for (float v : new float[] {0f, -0f, 1.5f, -3.25f, 0.1f, Float.MIN_VALUE, Float.MAX_VALUE, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
      write("float32", new FloatSerializer(), v, "" + (double) v);
    for (double v : new double[] {0d, -0d, 1.5, -3.25, 0.1, Double.MIN_VALUE, Double.MAX_VALUE, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
      write("float64", new DoubleSerializer(), v, "" + v);
    for (boolean v : new boolean[] {true, false}) write("boolean", new BooleanSerializer(), v, "" + v);
    for (String v : List.of("", "a", "grün", "日本語", "😀", "\u0000", "a\ud83d", "\udc00b", "x\ud83d\ud83dy", "\ufeffbom", "\ue000\uffff"))
      write("string", new StringSerializer(), v, v);
    for (String v : List.of("00000000-0000-0000-0000-000000000000", "123e4567-e89b-12d3-a456-426614174000", "ffffffff-ffff-ffff-ffff-ffffffffffff"))
      write("uuid", new UUIDSerializer(), UUID.fromString(v), v);
    for (byte[] v : new byte[][] {{}, {0}, {1, 2, (byte) 255}}) write("bytes", new ByteArraySerializer(), v, HexFormat.of().formatHex(v));

    nulls("int16", new ShortSerializer(), new ShortDeserializer());
    nulls("int32", new IntegerSerializer(), new IntegerDeserializer());
    nulls("int64", new LongSerializer(), new LongDeserializer());
    nulls("float32", new FloatSerializer(), new FloatDeserializer());
    nulls("float64", new DoubleSerializer(), new DoubleDeserializer());
    nulls("boolean", new BooleanSerializer(), new BooleanDeserializer());
    nulls("string", new StringSerializer(), new StringDeserializer());
    nulls("uuid", new UUIDSerializer(), new UUIDDeserializer());
    nulls("bytes", new ByteArraySerializer(), new ByteArrayDeserializer());

    String[] sizes = {"", "01", "0102", "010203", "01020304", "0102030405", "0102030405060708", "010203040506070809"};
    for (String hex : sizes) {
      read("int16", new ShortDeserializer(), hex);
      read("int32", new IntegerDeserializer(), hex);
      read("int64", new LongDeserializer(), hex);
      read("float32", new FloatDeserializer(), hex);
      read("float64", new DoubleDeserializer(), hex);
      read("boolean", new BooleanDeserializer(), hex);
    }
    for (String hex : new String[] {"00", "02", "ff"}) read("boolean", new BooleanDeserializer(), hex);
    for (String hex : new String[] {"ffc00001", "7fc00000", "80000000"}) read("float32", new FloatDeserializer(), hex);
    for (String hex : new String[] {"7ff8000000000001", "8000000000000000"}) read("float64", new DoubleDeserializer(), hex);
    for (String hex : new String[] {"", "ff", "61ff62", "c3", "e282", "f09f98", "eda080", "efbbbf61", "c080"}) read("string", new StringDeserializer(), hex);
    for (String text : new String[] {"123E4567-E89B-12D3-A456-426614174000", "no uuid", ""})
      read("uuid", new UUIDDeserializer(), HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8)));
  }

  static <T> void write(String serde, Serializer<T> serializer, T value, String text) {
    byte[] bytes = serializer.serialize("t", value);
    System.out.println("{\"serde\":" + quote(serde) + ",\"write\":" + quote(text) + ",\"bytes\":" + quote(HexFormat.of().formatHex(bytes)) + "}");
  }

  static <T> void nulls(String serde, Serializer<T> serializer, Deserializer<T> deserializer) {
    boolean writes = serializer.serialize("t", null) == null;
    boolean reads = deserializer.deserialize("t", null) == null;
    System.out.println("{\"serde\":" + quote(serde) + ",\"nullIsNull\":" + (writes && reads) + "}");
  }

  static <T> void read(String serde, Deserializer<T> deserializer, String hex) {
    String result;
    try {
      T value = deserializer.deserialize("t", HexFormat.of().parseHex(hex));
      result = value instanceof Float f ? "" + (double) f : String.valueOf(value);
    } catch (RuntimeException refused) {
      result = null;
    }
    System.out.println("{\"serde\":" + quote(serde) + ",\"read\":" + quote(hex) + ",\"result\":" + (result == null ? "null" : quote(result)) + "}");
  }

  static String quote(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c >= 32 && c < 127 && c != '"' && c != '\\') out.append(c);
      else out.append(String.format("\\u%04x", (int) c));
    }
    return out.append("\"").toString();
  }
}
