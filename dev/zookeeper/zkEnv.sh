# What zkServer.sh and zkCli.sh of a local ZooKeeper are run with; both source the zkEnv.sh beside
# them. ZOOBINDIR is theirs: the directory of this file.
ZOOCFGDIR=${ZOOCFGDIR:-$ZOOBINDIR}
ZOOCFG=${ZOOCFG:-$ZOOCFGDIR/zoo.cfg}
ZOO_LOG_DIR=${ZOO_LOG_DIR:-${TMPDIR:-/tmp}}
JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
CLASSPATH="$ZOOBINDIR/../lib/*"

# Many small servers on one machine: they start quickly and stay small.
JMXDISABLE=true
SERVER_JVMFLAGS="-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx128m ${SERVER_JVMFLAGS:-}"
SERVER_JVMFLAGS+=" -Dorg.slf4j.simpleLogger.showDateTime=true"
SERVER_JVMFLAGS+=" -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS"
CLIENT_JVMFLAGS="-XX:+UseSerialGC -XX:TieredStopAtLevel=1 ${CLIENT_JVMFLAGS:-}"
CLIENT_JVMFLAGS+=" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
