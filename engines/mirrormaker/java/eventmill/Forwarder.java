package eventmill;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.connect.mirror.MirrorMaker;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs MirrorMaker; a file says while it copies, and the process ends when a task has failed.
 *
 * <p>It also ends while the disk is nearly full: it is started again, and waits for room before (eventmill/config/disk.py).
 *
 * <p>Kafka Connect leaves a failed task as it is until somebody restarts it. Whoever runs this process starts it anew, and
 * the task goes on where its last transaction ended.
 */
public final class Forwarder {
    private static final Logger LOG = LoggerFactory.getLogger(Forwarder.class);
    private static final String STATUS = "status";
    private static final long PAUSE_MILLISECONDS = 500;

    private final MBeanServer metrics = ManagementFactory.getPlatformMBeanServer();
    private final Path running;
    private final long reserve;

    private Forwarder(Path running, long reserve) {
        this.running = running;
        this.reserve = reserve;
    }

    /** Runs until it is stopped, by MirrorMaker's configuration, that file, and the disk's reserve in bytes. */
    public static void main(String[] arguments) throws IOException {
        MirrorMaker mirrorMaker = new MirrorMaker(Utils.propsToStringMap(Utils.loadProps(arguments[0])));
        mirrorMaker.start();
        Forwarder forwarder = new Forwarder(Path.of(arguments[1]), Long.parseLong(arguments[2]));
        Executors.newSingleThreadScheduledExecutor()
                .scheduleWithFixedDelay(forwarder::watch, 0, PAUSE_MILLISECONDS, TimeUnit.MILLISECONDS);
        mirrorMaker.awaitStop();
        System.exit(0);
    }

    private void watch() {
        try {
            endWithoutRoom();
            List<String> tasks = states("connector-task-metrics");
            List<String> connectors = states("connector-metrics");
            say(!tasks.isEmpty() && tasks.stream().allMatch("running"::equals));
            if (tasks.contains("failed") || connectors.contains("failed")) {
                LOG.error("a task has failed: the process ends, to be started anew");
                Runtime.getRuntime().halt(1);
            }
        } catch (IOException | JMException | RuntimeException error) {
            LOG.error("cannot tell whether the tasks run", error);
            Runtime.getRuntime().halt(1);
        }
    }

    /** Ends the process in order when less than the reserve is free. */
    private void endWithoutRoom() throws IOException {
        long free = Files.getFileStore(running.getParent()).getUsableSpace();
        if (free < reserve) {
            LOG.warn("the disk is nearly full: {} bytes are free, the reserve is {}; nothing is copied", free, reserve);
            System.exit(1);
        }
    }

    /** The state of each connector or task of this process; that in Kafka may be of a process that is dead. */
    private List<String> states(String type) throws JMException {
        List<String> states = new ArrayList<>();
        for (ObjectName name : metrics.queryNames(new ObjectName("kafka.connect:type=" + type + ",*"), null)) {
            try {
                states.add(String.valueOf(metrics.getAttribute(name, STATUS)));
            } catch (InstanceNotFoundException gone) {
                LOG.debug("{} has ended meanwhile", name, gone);
            }
        }
        return states;
    }

    private void say(boolean runs) throws IOException {
        if (runs == Files.exists(running)) {
            return;
        }
        if (runs) {
            Files.writeString(running, ProcessHandle.current().pid() + "\n");
            LOG.info("copying");
        } else {
            Files.delete(running);
        }
    }
}
