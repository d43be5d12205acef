import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import net.jpountz.lz4.LZ4FrameOutputStream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.compress.Lz4BlockOutputStream;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.ByteBufferOutputStream;
import org.xerial.snappy.Snappy;

/**
 * The same text as each compression of Kafka's writes it, and in other forms that the formats allow: a line "name, bytes
 * in hex" for each. The text is long enough for several blocks.
 */
public class GoldenCompressed {
    private interface Wrapper {
        OutputStream around(OutputStream out) throws Exception;
    }

    public static void main(String[] args) throws Exception {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 1500; i++) text.append("line ").append(i).append(" says ").append(i * 7919 % 127).append('\n');
        byte[] bytes = text.append("x".repeat(70_000)).toString().getBytes(StandardCharsets.US_ASCII);
        for (CompressionType type : CompressionType.values()) {
            if (type != CompressionType.NONE) print(type.name, kafka(Compression.of(type).build(), bytes));
        }
        print("gzip-9", kafka(Compression.gzip().level(9).build(), bytes));
        print("lz4-hc", kafka(Compression.lz4().level(17).build(), bytes));
        print("zstd-19", kafka(Compression.zstd().level(19).build(), bytes));
        print("lz4-4M-block-checksums", stream(bytes, out -> new Lz4BlockOutputStream(out, 7, 9, true, false)));
        print("lz4-magic-0", stream(bytes, out -> new Lz4BlockOutputStream(out, 4, 9, false, true)));
        print("lz4-content-checksum", stream(bytes, out -> new LZ4FrameOutputStream(out,
            LZ4FrameOutputStream.BLOCKSIZE.SIZE_256KB, bytes.length, LZ4FrameOutputStream.FLG.Bits.BLOCK_INDEPENDENCE,
            LZ4FrameOutputStream.FLG.Bits.CONTENT_SIZE, LZ4FrameOutputStream.FLG.Bits.CONTENT_CHECKSUM,
            LZ4FrameOutputStream.FLG.Bits.BLOCK_CHECKSUM)));
        print("snappy-raw", Snappy.compress(bytes));
        print("zstd-content-size", Zstd.compress(bytes, 3));
        print("zstd-checksum", stream(bytes, out -> new ZstdOutputStream(out).setChecksum(true)));
        print("zstd-empty", kafka(Compression.zstd().build(), new byte[0]));
        print("lz4-empty", kafka(Compression.lz4().build(), new byte[0]));
    }

    private static byte[] kafka(Compression compression, byte[] bytes) throws Exception {
        ByteBufferOutputStream target = new ByteBufferOutputStream(1 << 20);
        try (OutputStream out = compression.wrapForOutput(target, RecordBatch.MAGIC_VALUE_V2)) {
            out.write(bytes);
        }
        target.buffer().flip();
        byte[] written = new byte[target.buffer().remaining()];
        target.buffer().get(written);
        return written;
    }

    private static byte[] stream(byte[] bytes, Wrapper wrapper) throws Exception {
        ByteArrayOutputStream target = new ByteArrayOutputStream();
        try (OutputStream out = wrapper.around(target)) {
            out.write(bytes);
        }
        return target.toByteArray();
    }

    private static void print(String name, byte[] bytes) {
        System.out.println(name + "\t" + HexFormat.of().formatHex(bytes));
    }
}
