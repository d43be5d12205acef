import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.requests.ResponseHeader;

/** Frames as Kafka's own classes write them, length included: a line "name, bytes in hex" for each. */
public class GoldenFrames {
    private static final MemoryRecords RECORDS = MemoryRecords.withRecords(Compression.NONE,
        new SimpleRecord(1_700_000_000_000L, "k".getBytes(StandardCharsets.UTF_8), "v".getBytes(StandardCharsets.UTF_8)));
    private static final Uuid TOPIC_ID = Uuid.fromString("AQIDBAUGBwgJCgsMDQ4PEA");

    public static void main(String[] args) {
        ApiVersionsRequestData versions = new ApiVersionsRequestData()
            .setClientSoftwareName("ottla").setClientSoftwareVersion("1.0");
        request("api-versions-request-0", ApiKeys.API_VERSIONS, 0, versions);
        request("api-versions-request-4", ApiKeys.API_VERSIONS, 4, versions);
        request("produce-request-3", ApiKeys.PRODUCE, 3, produce(false));
        request("produce-request-12", ApiKeys.PRODUCE, 12, produce(false));
        request("produce-request-13", ApiKeys.PRODUCE, 13, produce(true));
        request("join-group-request-5", ApiKeys.JOIN_GROUP, 5, joinGroup());
        response("api-versions-response-4", ApiKeys.API_VERSIONS, 4, apiVersions());
        response("api-versions-response-unsupported", ApiKeys.API_VERSIONS, 0, apiVersions().setErrorCode((short) 35));
        response("metadata-response-12", ApiKeys.METADATA, 12, metadata());
        response("fetch-response-11", ApiKeys.FETCH, 11, fetch(false));
        response("fetch-response-17", ApiKeys.FETCH, 17, fetch(true));
    }

    private static ProduceRequestData produce(boolean byId) {
        ProduceRequestData.TopicProduceData topic = new ProduceRequestData.TopicProduceData()
            .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData().setIndex(3).setRecords(RECORDS)));
        if (byId) topic.setTopicId(TOPIC_ID);
        else topic.setName("orders");
        ProduceRequestData data = new ProduceRequestData().setAcks((short) -1).setTimeoutMs(30_000);
        data.topicData().add(topic);
        return data;
    }

    private static JoinGroupRequestData joinGroup() {
        JoinGroupRequestData data = new JoinGroupRequestData().setGroupId("billing").setSessionTimeoutMs(45_000)
            .setRebalanceTimeoutMs(300_000).setMemberId("").setGroupInstanceId(null).setProtocolType("consumer");
        data.protocols().add(new JoinGroupRequestData.JoinGroupRequestProtocol()
            .setName("range").setMetadata(new byte[] {0, 1, 2}));
        return data;
    }

    private static ApiVersionsResponseData apiVersions() {
        ApiVersionsResponseData data = new ApiVersionsResponseData().setFinalizedFeaturesEpoch(5L);
        data.apiKeys().add(new ApiVersionsResponseData.ApiVersion()
            .setApiKey((short) 18).setMinVersion((short) 0).setMaxVersion((short) 4));
        data.supportedFeatures().add(new ApiVersionsResponseData.SupportedFeatureKey()
            .setName("metadata.version").setMinVersion((short) 7).setMaxVersion((short) 29));
        return data;
    }

    private static MetadataResponseData metadata() {
        MetadataResponseData data = new MetadataResponseData().setClusterId("cluster").setControllerId(1);
        data.brokers().add(new MetadataResponseData.MetadataResponseBroker()
            .setNodeId(1).setHost("localhost").setPort(9092).setRack(null));
        data.topics().add(new MetadataResponseData.MetadataResponseTopic().setName("orders").setTopicId(TOPIC_ID)
            .setPartitions(List.of(new MetadataResponseData.MetadataResponsePartition().setPartitionIndex(0)
                .setLeaderId(1).setLeaderEpoch(9).setReplicaNodes(List.of(1, 2)).setIsrNodes(List.of(1)))));
        return data;
    }

    private static FetchResponseData fetch(boolean byId) {
        FetchResponseData.PartitionData partition = new FetchResponseData.PartitionData().setPartitionIndex(3)
            .setHighWatermark(5_000_000_000L).setLastStableOffset(4_999_999_999L).setLogStartOffset(7L)
            .setAbortedTransactions(List.of(new FetchResponseData.AbortedTransaction()
                .setProducerId(4_000L).setFirstOffset(10L)))
            .setRecords(RECORDS);
        if (byId) partition.setCurrentLeader(new FetchResponseData.LeaderIdAndEpoch().setLeaderId(2).setLeaderEpoch(8));
        FetchResponseData.FetchableTopicResponse topic = new FetchResponseData.FetchableTopicResponse()
            .setPartitions(List.of(partition));
        if (byId) topic.setTopicId(TOPIC_ID);
        else topic.setTopic("orders");
        FetchResponseData data = new FetchResponseData().setSessionId(11).setResponses(List.of(topic));
        if (byId) data.nodeEndpoints().add(new FetchResponseData.NodeEndpoint()
            .setNodeId(2).setHost("localhost").setPort(9093).setRack("a"));
        return data;
    }

    private static void request(String name, ApiKeys api, int version, ApiMessage body) {
        RequestHeader header = new RequestHeader(api, (short) version, "me", 7);
        print(name, header.data(), header.headerVersion(), body, (short) version);
    }

    private static void response(String name, ApiKeys api, int version, ApiMessage body) {
        ResponseHeader header = new ResponseHeader(7, api.responseHeaderVersion((short) version));
        print(name, header.data(), header.headerVersion(), body, (short) version);
    }

    private static void print(String name, Message header, short headerVersion, Message body, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        int size = header.size(cache, headerVersion) + body.size(cache, version);
        ByteBuffer buffer = ByteBuffer.allocate(4 + size).putInt(size);
        header.write(new ByteBufferAccessor(buffer), cache, headerVersion);
        body.write(new ByteBufferAccessor(buffer), cache, version);
        System.out.println(name + "\t" + HexFormat.of().formatHex(buffer.array(), 0, buffer.position()));
    }
}
