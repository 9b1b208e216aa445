package eventmill;

import java.util.Map;
import java.util.Objects;
import org.apache.kafka.connect.mirror.IdentityReplicationPolicy;

/**
 * The source cluster's topic has another name in ours, and MirrorMaker makes and extends it under that name.
 *
 * <p>A transform of the records would come too late: MirrorMaker would still make an empty topic of the old name.
 */
public final class RenamingPolicy extends IdentityReplicationPolicy {
    private String from;
    private String to;
    private String source;

    @Override
    public void configure(Map<String, ?> properties) {
        super.configure(properties);
        from = Objects.toString(properties.get("replication.policy.from"));
        to = Objects.toString(properties.get("replication.policy.to"));
        source = (String) properties.get(SOURCE_CLUSTER_ALIAS_CONFIG);
    }

    @Override
    public String formatRemoteTopic(String cluster, String topic) {
        return topic.equals(from) ? to : super.formatRemoteTopic(cluster, topic);
    }

    @Override
    public String topicSource(String topic) {
        return topic.equals(to) ? source : null;
    }

    @Override
    public String upstreamTopic(String topic) {
        return topic.equals(to) ? from : null;
    }
}
