"""kafka-python as a judge: argv[1] is the bootstrap list; prints one line of JSON."""
import json
import sys

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic

bootstrap = sys.argv[1].split(",")
topic = "judge-kafka-python"
compressions = [None, "gzip", "snappy", "lz4", "zstd"]
result = {"judge": "kafka-python", "version": kafka.__version__}

admin = KafkaAdminClient(bootstrap_servers=bootstrap)
admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=3)])
admin.create_partitions({topic: NewPartitions(total_count=3)})
result["partitions"] = len(admin.describe_topics([topic])[0]["partitions"])
configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
result["configs"] = len(configs) > 0

sent = 0
for compression in compressions:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type=compression)
    for i in range(20):
        producer.send(topic, key=b"k%d" % i, value=b"%s-%d" % (str(compression).encode(), i)).get(timeout=10)
        sent += 1
    producer.close()
result["sent"] = sent


def consume(group, count, isolation="read_uncommitted", source=topic):
    consumer = KafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level=isolation,
        consumer_timeout_ms=8000,
    )
    values = []
    for record in consumer:
        values.append(record.value.decode())
        if len(values) == count:
            break
    consumer.commit()
    consumer.close()
    return values


result["received"] = len(set(consume("judge-kafka-python", sent)))
offsets = admin.list_consumer_group_offsets("judge-kafka-python")
result["committed"] = sum(o.offset for o in offsets.values())

transactional = KafkaProducer(bootstrap_servers=bootstrap, transactional_id="judge-kafka-python", acks="all")
transactional.init_transactions()
for name, commits in (("lost", False), ("kept", True)):
    transactional.begin_transaction()
    for i in range(3):
        transactional.send(topic, partition=0, value=b"%s-%d" % (name.encode(), i))
    if commits:
        transactional.send_offsets_to_transaction(
            {TopicPartition(topic, 0): kafka.structs.OffsetAndMetadata(7, "", -1)}, "judge-kafka-python-txn"
        )
        transactional.commit_transaction()
    else:
        transactional.flush()
        transactional.abort_transaction()
transactional.close()
values = consume("judge-kafka-python-2", sent + 3, "read_committed")
result["transactional"] = sorted(v for v in values if v.startswith(("lost", "kept")))
inTransaction = admin.list_consumer_group_offsets("judge-kafka-python-txn")
result["offsetInTransaction"] = [o.offset for o in inTransaction.values()]

result["groupIsListed"] = any("judge-kafka-python" in g for g in [g[0] for g in admin.list_consumer_groups()])
result["deletedGroups"] = [str(e.__name__) for _, e in admin.delete_consumer_groups(["judge-kafka-python"])]
admin.delete_topics([topic])
admin.close()
print(json.dumps(result))
