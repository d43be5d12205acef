import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/**
 * For each line of a file, a record batch in hex, prints what Kafka reads in it: a line with the fields of the batch, a
 * line for each record, a line with the same batch as Kafka writes it, and an empty line.
 */
public class BatchOracle {
    public static void main(String[] args) throws Exception {
        StringBuilder out = new StringBuilder();
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            ByteBuffer buffer = ByteBuffer.wrap(HexFormat.of().parseHex(line));
            for (MutableRecordBatch batch : MemoryRecords.readableRecords(buffer).batches()) print(batch, out);
            out.append('\n');
        }
        System.out.print(out);
    }

    /** The same records, written by Kafka. */
    private static ByteBuffer rewritten(MutableRecordBatch batch) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 16), batch.magic(),
            Compression.of(batch.compressionType()).build(), batch.timestampType(), batch.baseOffset(),
            batch.timestampType() == TimestampType.LOG_APPEND_TIME ? batch.maxTimestamp() : RecordBatch.NO_TIMESTAMP,
            batch.producerId(), batch.producerEpoch(), batch.baseSequence(), batch.isTransactional(), false,
            batch.partitionLeaderEpoch());
        for (Record record : batch) builder.appendWithOffset(record.offset(), record);
        return builder.build().buffer();
    }

    private static void print(MutableRecordBatch batch, StringBuilder out) {
        batch.ensureValid();
        out.append(String.join(" ", "" + batch.baseOffset(), "" + batch.lastOffset(), "" + batch.maxTimestamp(),
            "" + batch.producerId(), "" + batch.producerEpoch(), "" + batch.baseSequence(), "" + batch.isTransactional(),
            "" + batch.partitionLeaderEpoch(), batch.compressionType().name, "" + batch.countOrNull())).append('\n');
        for (Record record : batch) {
            record.ensureValid();
            out.append(record.offset()).append(' ').append(record.timestamp())
                .append(' ').append(hex(record.key())).append(' ').append(hex(record.value()));
            for (Header header : record.headers()) {
                out.append(' ').append(hex(ByteBuffer.wrap(header.key().getBytes(java.nio.charset.StandardCharsets.UTF_8))))
                    .append('=').append(header.value() == null ? "null" : hex(ByteBuffer.wrap(header.value())));
            }
            out.append('\n');
        }
        out.append(hex(rewritten(batch))).append('\n');
    }

    private static String hex(ByteBuffer buffer) {
        if (buffer == null) return "null";
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return "x" + HexFormat.of().formatHex(bytes);
    }
}
