import org.apache.kafka.common.errors.InvalidMetadataException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

/** A line for each error: code, name, whether it is retriable, whether it requires new metadata. */
public class ErrorFacts {
    public static void main(String[] args) {
        for (Errors error : Errors.values()) {
            Object exception = error.exception();
            System.out.println(error.code() + "\t" + error.name() + "\t" + (exception instanceof RetriableException)
                + "\t" + (exception instanceof InvalidMetadataException));
        }
    }
}
