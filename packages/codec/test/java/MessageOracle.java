import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.Readable;

/** For each line "name, version, bytes in hex, JSON" prints a line "bytes of the JSON, the bytes read and written
 * again, JSON of the bytes, JSON of a new message". An error replaces the value that it prevented.
 */
public class MessageOracle {
    private static final List<String> PACKAGES = List.of(
        "org.apache.kafka.common.message",
        "org.apache.kafka.coordinator.group.generated",
        "org.apache.kafka.coordinator.transaction.generated",
        "org.apache.kafka.coordinator.share.generated");
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final Map<String, Class<?>> CLASSES = new HashMap<>();

    public static void main(String[] args) throws Exception {
        try (BufferedWriter out = Files.newBufferedWriter(Path.of(args[1]))) {
            for (String line : Files.readAllLines(Path.of(args[0]))) {
                String[] parts = line.split("\t");
                Class<?> type = find(parts[0]);
                Class<?> converter = Class.forName(type.getName() + "JsonConverter");
                short version = Short.parseShort(parts[1]);
                out.write(attempt(() -> {
                    Object message = converter.getMethod("read", JsonNode.class, short.class)
                        .invoke(null, MAPPER.readTree(parts[3]), version);
                    return write((Message) message, version);
                }));
                out.write("\t" + attempt(() -> write(read(type, parts[2], version), version)));
                out.write("\t" + attempt(() -> converter.getMethod("write", type, short.class)
                    .invoke(null, read(type, parts[2], version), version).toString()));
                out.write("\t" + attempt(() -> converter.getMethod("write", type, short.class)
                    .invoke(null, type.getConstructor().newInstance(), version).toString()));
                out.write("\n");
            }
        }
    }

    private static Class<?> find(String name) throws ClassNotFoundException {
        if (CLASSES.containsKey(name)) return CLASSES.get(name);
        for (String pack : PACKAGES) {
            for (String suffix : List.of("Data", "")) {
                try {
                    Class<?> found = Class.forName(pack + "." + name + suffix);
                    CLASSES.put(name, found);
                    return found;
                } catch (ClassNotFoundException e) {
                    // Try the next place.
                }
            }
        }
        throw new ClassNotFoundException(name);
    }

    private static Message read(Class<?> type, String hex, short version) throws Exception {
        ByteBuffer buffer = ByteBuffer.wrap(HexFormat.of().parseHex(hex));
        Message message = (Message) type.getConstructor(Readable.class, short.class)
            .newInstance(new ByteBufferAccessor(buffer), version);
        if (buffer.hasRemaining()) throw new IllegalStateException(buffer.remaining() + " bytes left");
        return message;
    }

    private static String write(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        return HexFormat.of().formatHex(buffer.array(), 0, buffer.position());
    }

    private interface Step {
        String run() throws Exception;
    }

    private static String attempt(Step step) {
        try {
            return step.run();
        } catch (Exception e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            return "ERROR " + cause.toString().replaceAll("\\s+", " ");
        }
    }
}
