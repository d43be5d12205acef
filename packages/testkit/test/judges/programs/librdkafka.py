"""librdkafka, by confluent-kafka, as a judge: argv[1] is the bootstrap list; prints one line of JSON."""
import json
import sys

import confluent_kafka
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, OffsetSpec

bootstrap = {"bootstrap.servers": sys.argv[1]}
topic = "judge-librdkafka"
group = "judge-librdkafka"
compressions = ["none", "gzip", "snappy", "lz4", "zstd"]
result = {"judge": "librdkafka", "version": confluent_kafka.libversion()[0]}


def all_of(futures):
    return {key: future.result(timeout=10) for key, future in futures.items()}


admin = AdminClient(bootstrap)
all_of(admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=3)]))
all_of(admin.create_partitions([NewPartitions(topic, 3)]))
result["brokers"] = len(admin.list_topics(timeout=10).brokers)
configs = list(all_of(admin.describe_configs([ConfigResource("topic", topic)])).values())[0]
result["cleanupPolicy"] = configs["cleanup.policy"].value

errors = []
sent = 0
for compression in compressions:
    producer = Producer({**bootstrap, "compression.type": compression, "enable.idempotence": True, "linger.ms": 5})
    for i in range(200):
        producer.produce(topic, key=b"k%d" % i, value=b"%s-%d-" % (compression.encode(), i) + b"x" * 100,
                         on_delivery=lambda error, _: errors.append(str(error)) if error else None)
        sent += 1
    producer.flush(10)
result["sent"] = sent
result["errors"] = errors


def consume(name, count, **more):
    consumer = Consumer({**bootstrap, "group.id": name, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "session.timeout.ms": 6000, **more})
    consumer.subscribe([topic])
    values = []
    for _ in range(200):
        for message in consumer.consume(num_messages=500, timeout=0.1):
            if message.error():
                errors.append(str(message.error()))
            else:
                values.append(message.value().decode())
        if len(values) >= count:
            break
    consumer.commit(asynchronous=False)
    consumer.close()
    return values


result["received"] = len(set(consume(group, sent)))
offsets = list(all_of(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])).values())[0]
result["committed"] = sum(p.offset for p in offsets.topic_partitions)
ends = all_of(admin.list_offsets({TopicPartition(topic, p): OffsetSpec.latest() for p in range(3)}))
result["ends"] = sum(end.offset for end in ends.values())

transactional = Producer({**bootstrap, "transactional.id": "judge-librdkafka"})
transactional.init_transactions(10)
for name, commits in (("lost", False), ("kept", True)):
    transactional.begin_transaction()
    for i in range(3):
        transactional.produce(topic, partition=0, value=b"%s-%d" % (name.encode(), i))
    transactional.flush(10)
    if commits:
        transactional.commit_transaction(10)
    else:
        transactional.abort_transaction(10)
values = consume("judge-librdkafka-2", sent + 3, **{"isolation.level": "read_committed"})
result["transactional"] = sorted(v for v in values if v.startswith(("lost", "kept")))

described = all_of(admin.describe_consumer_groups([group]))[group]
result["groupState"] = described.state.name
all_of(admin.delete_consumer_groups([group]))
deleted = admin.delete_records([TopicPartition(topic, 0, 1)])
result["lowWatermark"] = list(all_of(deleted).values())[0].low_watermark
all_of(admin.delete_topics([topic]))
result["errors"] = errors
print(json.dumps(result))
