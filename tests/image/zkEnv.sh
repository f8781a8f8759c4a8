# Stands in for the file of this name in Apache's release, which the test does not download: what the
# role counts on is that it sources these two files from ZOOCFGDIR, and sets -Xmx before the flags.
ZOOCFGDIR=${ZOOCFGDIR:-$ZOOBINDIR/../conf}
[ ! -f "$ZOOCFGDIR/zookeeper-env.sh" ] || . "$ZOOCFGDIR/zookeeper-env.sh"
ZOOCFG=$ZOOCFGDIR/zoo.cfg
JAVA=java
[ ! -f "$ZOOCFGDIR/java.env" ] || . "$ZOOCFGDIR/java.env"
ZOO_LOG_DIR=${ZOO_LOG_DIR:-$ZOOBINDIR/../logs}
CLASSPATH="$ZOOBINDIR/../lib/*:$ZOOCFGDIR"
SERVER_JVMFLAGS="-Xmx${ZK_SERVER_HEAP:-1000}m ${SERVER_JVMFLAGS:-}"
