import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.TimestampType;

/** Record batches as Kafka's own classes write them: a line "name, bytes in hex" for each. */
public class GoldenBatches {
    private static final Header[] NO_HEADERS = new Header[0];
    private static final long TIME = 1_700_000_000_000L;

    public static void main(String[] args) {
        print("plain", plain(Compression.NONE));
        print("transactional", transactional());
        print("many", many());
        print("far-timestamps", farTimestamps());
        print("gaps", gaps());
        print("log-append-time", logAppendTime());
        print("commit-marker", marker(ControlRecordType.COMMIT));
        print("abort-marker", marker(ControlRecordType.ABORT));
        for (CompressionType type : CompressionType.values()) {
            if (type != CompressionType.NONE) print(type.name, plain(Compression.of(type).build()));
        }
        print("wide-timestamps", wideTimestamps());
        print("delete-horizon", deleteHorizon());
        print("empty", empty());
        for (CompressionType type : CompressionType.values()) {
            if (type == CompressionType.ZSTD) continue;
            print("magic-0-" + type.name, old(RecordBatch.MAGIC_VALUE_V0, type, TimestampType.NO_TIMESTAMP_TYPE, 1000L));
            print("magic-1-" + type.name, old(RecordBatch.MAGIC_VALUE_V1, type, TimestampType.CREATE_TIME, 1000L));
            print("magic-1-appended-" + type.name,
                old(RecordBatch.MAGIC_VALUE_V1, type, TimestampType.LOG_APPEND_TIME, 5_000_000_000_000L));
        }
    }

    /** Message sets as before Kafka 0.11. */
    private static ByteBuffer old(byte magic, CompressionType type, TimestampType timestampType, long baseOffset) {
        long appendTime = timestampType == TimestampType.LOG_APPEND_TIME ? TIME + 99 : RecordBatch.NO_TIMESTAMP;
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(65536), magic,
            Compression.of(type).build(), timestampType, baseOffset, appendTime);
        builder.append(TIME, bytes("key"), bytes("value"));
        builder.append(TIME + 5, null, bytes("no key"));
        builder.append(TIME - 3, bytes("tombstone"), null);
        builder.append(TIME + (1L << 40), bytes(""), bytes(""));
        builder.append(TIME + 2, bytes("größe"), bytes("v".repeat(300)));
        return builder.build().buffer();
    }

    private static ByteBuffer wideTimestamps() {
        MemoryRecordsBuilder builder = builder(Compression.NONE, Long.MAX_VALUE - 10);
        for (long timestamp : new long[] {
            TIME, (1L << 53) + 1, (1L << 62) + 3, Long.MAX_VALUE, 0, RecordBatch.NO_TIMESTAMP
        }) builder.append(timestamp, null, bytes("x"), NO_HEADERS);
        return builder.build().buffer();
    }

    private static ByteBuffer deleteHorizon() {
        MemoryRecordsBuilder builder = new MemoryRecordsBuilder(
            new org.apache.kafka.common.utils.ByteBufferOutputStream(4096), RecordBatch.MAGIC_VALUE_V2, Compression.NONE,
            TimestampType.CREATE_TIME, 7L, RecordBatch.NO_TIMESTAMP, RecordBatch.NO_PRODUCER_ID,
            RecordBatch.NO_PRODUCER_EPOCH, RecordBatch.NO_SEQUENCE, false, false, 3, 4096, TIME + 86_400_000L);
        builder.append(TIME, bytes("gone"), null, NO_HEADERS);
        builder.append(TIME + 1, bytes("stays"), bytes("v"), NO_HEADERS);
        return builder.build().buffer();
    }

    private static ByteBuffer empty() {
        ByteBuffer buffer = ByteBuffer.allocate(61);
        org.apache.kafka.common.record.internal.DefaultRecordBatch.writeEmptyHeader(buffer, RecordBatch.MAGIC_VALUE_V2,
            4_000L, (short) 5, 17, 100L, 120L, 9, TimestampType.CREATE_TIME, TIME, true, false);
        buffer.flip();
        return buffer;
    }

    private static ByteBuffer plain(Compression compression) {
        MemoryRecordsBuilder builder = builder(compression, 0L);
        builder.append(TIME, bytes("key"), bytes("value"), NO_HEADERS);
        builder.append(TIME + 5, null, bytes("no key"), NO_HEADERS);
        builder.append(TIME - 3, bytes("tombstone"), null, NO_HEADERS);
        builder.append(TIME, bytes(""), bytes(""), NO_HEADERS);
        builder.append(TIME + 1000, bytes("größe"), bytes("語𝄞é"), new Header[] {
            new RecordHeader("trace", bytes("abc")),
            new RecordHeader("empty", new byte[0]),
            new RecordHeader("null", null),
            new RecordHeader("ключ", bytes("значение")),
        });
        builder.append(TIME + 2, bytes("a key of more than twenty-four bytes"), bytes("v".repeat(300)), NO_HEADERS);
        return builder.build().buffer();
    }

    private static ByteBuffer transactional() {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(4096), RecordBatch.MAGIC_VALUE_V2,
            Compression.NONE, TimestampType.CREATE_TIME, 1_234_567_890_123L, RecordBatch.NO_TIMESTAMP,
            987_654_321_098L, (short) 12, 345_678, true, 77);
        builder.append(TIME, bytes("a"), bytes("1"), NO_HEADERS);
        builder.append(TIME + 1, bytes("b"), bytes("2"), NO_HEADERS);
        return builder.build().buffer();
    }

    private static ByteBuffer many() {
        MemoryRecordsBuilder builder = builder(Compression.NONE, 10L);
        for (int i = 0; i < 200; i++) builder.append(TIME + i * 50L, bytes("k" + i), bytes("value " + i), NO_HEADERS);
        return builder.build().buffer();
    }

    private static ByteBuffer farTimestamps() {
        MemoryRecordsBuilder builder = builder(Compression.NONE, 0L);
        for (long timestamp : new long[] {
            TIME, 0, 1, TIME + (1L << 29), TIME + (1L << 30), TIME - (1L << 30), TIME - (1L << 30) - 1,
            TIME + (1L << 40), (1L << 52), (1L << 53) - 1
        }) builder.append(timestamp, null, bytes("x"), NO_HEADERS);
        return builder.build().buffer();
    }

    private static ByteBuffer gaps() {
        MemoryRecordsBuilder builder = builder(Compression.NONE, 100L);
        for (long offset : new long[] {100, 103, 250, 20_000}) {
            builder.appendWithOffset(offset, TIME, bytes("k"), bytes("at " + offset), NO_HEADERS);
        }
        return builder.build().buffer();
    }

    private static ByteBuffer logAppendTime() {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(4096), RecordBatch.MAGIC_VALUE_V2,
            Compression.NONE, TimestampType.LOG_APPEND_TIME, 5L, TIME + 99);
        builder.append(TIME, bytes("k"), bytes("v"), NO_HEADERS);
        return builder.build().buffer();
    }

    private static ByteBuffer marker(ControlRecordType type) {
        return MemoryRecords.withEndTransactionMarker(42L, TIME, 3, 4_000L, (short) 5,
            new EndTransactionMarker(type, 6)).buffer();
    }

    private static MemoryRecordsBuilder builder(Compression compression, long baseOffset) {
        return MemoryRecords.builder(ByteBuffer.allocate(65536), compression, TimestampType.CREATE_TIME, baseOffset);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void print(String name, ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        System.out.println(name + "\t" + HexFormat.of().formatHex(bytes));
    }
}
