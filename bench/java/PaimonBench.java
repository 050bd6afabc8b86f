import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.paimon.catalog.Catalog;
import org.apache.paimon.catalog.CatalogContext;
import org.apache.paimon.catalog.CatalogFactory;
import org.apache.paimon.catalog.Identifier;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.Decimal;
import org.apache.paimon.data.GenericRow;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.data.Timestamp;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.options.Options;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.schema.Schema;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.sink.BatchTableCommit;
import org.apache.paimon.table.sink.BatchTableWrite;
import org.apache.paimon.table.sink.BatchWriteBuilder;
import org.apache.paimon.predicate.PredicateBuilder;
import org.apache.paimon.table.source.DataSplit;
import org.apache.paimon.table.source.ReadBuilder;
import org.apache.paimon.table.source.Split;
import org.apache.paimon.table.source.TableRead;
import org.apache.paimon.types.DataTypes;

/**
 * The peer: Paimon's own reader and writer, one thread, warm.
 *
 * <p>PaimonBench WAREHOUSE DB.TABLE sum COLUMN_INDEX RUNS, or PaimonBench WAREHOUSE DB.TABLE write
 * ROWS, or PaimonBench WAREHOUSE DB.TABLE plan all|partition|file VALUE RUNS: first without, then
 * with a cache of metadata. Prints one line a run: wall seconds, CPU seconds, result.
 */
public class PaimonBench {
    static final com.sun.management.OperatingSystemMXBean OS =
            (com.sun.management.OperatingSystemMXBean)
                    java.lang.management.ManagementFactory.getOperatingSystemMXBean();

    static void timed(Callable<Object> work) throws Exception {
        long cpu = OS.getProcessCpuTime();
        long wall = System.nanoTime();
        Object result = work.call();
        System.out.printf(
                java.util.Locale.ROOT,
                "%.4f %.4f %s%n",
                (System.nanoTime() - wall) / 1e9,
                (OS.getProcessCpuTime() - cpu) / 1e9,
                result);
    }

    static Object sum(FileStoreTable table, int column) throws Exception {
        ReadBuilder builder = table.newReadBuilder().withProjection(new int[] {column});
        TableRead read = builder.newRead().withIOManager(IOManager.create("/tmp"));
        long rows = 0;
        long total = 0;
        for (Split split : builder.newScan().plan().splits()) {
            try (RecordReader<InternalRow> reader = read.createReader(split)) {
                RecordReader.RecordIterator<InternalRow> batch;
                while ((batch = reader.readBatch()) != null) {
                    InternalRow row;
                    while ((row = batch.next()) != null) {
                        rows++;
                        total += row.getDecimal(0, 12, 2).toUnscaledLong();
                    }
                    batch.releaseBatch();
                }
            }
        }
        return rows + " " + total;
    }

    static GenericRow row(long i) {
        long h = (i + 1) * 0x9E3779B97F4A7C15L;
        h ^= h >>> 29;
        return GenericRow.of(
                i,
                (int) Long.remainderUnsigned(h, 1000000),
                Decimal.fromUnscaledLong(Long.remainderUnsigned(h >>> 7, 10000000L), 12, 2),
                BinaryString.fromString(
                        String.format("category_%03d", Long.remainderUnsigned(h >>> 11, 1000))),
                BinaryString.fromString(String.format("%016x%08x", h, (int) (h * 31))),
                Timestamp.fromMicros(1700000000000000L + i * 1000),
                (h >>> 20) * 0.001,
                (int) (19000 + i / 100000));
    }

    static Object write(FileStoreTable table, long rows) throws Exception {
        BatchWriteBuilder builder = table.newBatchWriteBuilder();
        try (BatchTableWrite write = builder.newWrite();
                BatchTableCommit commit = builder.newCommit()) {
            write.withIOManager(IOManager.create("/tmp"));
            for (long i = 0; i < rows; i++) {
                write.write(row(i));
            }
            commit.commit(write.prepareCommit());
        }
        return rows;
    }

    /** Open the table and plan, as a query does; cached: by a catalog that keeps manifests. */
    static Object plan(Catalog catalog, Identifier name, String filter, String value)
            throws Exception {
        FileStoreTable table = (FileStoreTable) catalog.getTable(name);
        PredicateBuilder builder = new PredicateBuilder(table.rowType());
        ReadBuilder read = table.newReadBuilder();
        if (filter.equals("partition")) {
            read = read.withFilter(builder.equal(0, BinaryString.fromString(value)));
        } else if (filter.equals("file")) {
            read = read.withFilter(builder.equal(1, Long.parseLong(value)));
        }
        long files = 0;
        for (Split split : read.newScan().plan().splits()) {
            files += ((DataSplit) split).dataFiles().size();
        }
        return files;
    }

    public static void main(String[] args) throws Exception {
        Options options = new Options();
        options.set("warehouse", args[0]);
        if (args[2].equals("plan")) {
            for (String cached : new String[] {"false", "true"}) {
                options.set("cache-enabled", cached);
                Catalog plans = CatalogFactory.createCatalog(CatalogContext.create(options));
                for (int run = 0; run < Integer.parseInt(args[5]); run++) {
                    timed(() -> plan(plans, Identifier.fromString(args[1]), args[3], args[4]));
                }
            }
            return;
        }
        Catalog catalog = CatalogFactory.createCatalog(CatalogContext.create(options));
        Identifier name = Identifier.fromString(args[1]);
        if (args[2].equals("sum")) {
            FileStoreTable table = (FileStoreTable) catalog.getTable(name);
            for (int run = 0; run < Integer.parseInt(args[4]); run++) {
                timed(() -> sum(table, Integer.parseInt(args[3])));
            }
            return;
        }
        catalog.createDatabase(name.getDatabaseName(), true);
        Schema schema =
                Schema.newBuilder()
                        .column("id", DataTypes.BIGINT())
                        .column("k", DataTypes.INT())
                        .column("amt", DataTypes.DECIMAL(12, 2))
                        .column("cat", DataTypes.STRING())
                        .column("payload", DataTypes.STRING())
                        .column("ts", DataTypes.TIMESTAMP(6))
                        .column("val", DataTypes.DOUBLE())
                        .column("d", DataTypes.DATE())
                        .options(Map.of("bucket", "-1", "file.compression.zstd-level", "1"))
                        .build();
        for (int run = 0; run < 2; run++) {
            catalog.dropTable(name, true);
            catalog.createTable(name, schema, false);
            FileStoreTable table = (FileStoreTable) catalog.getTable(name);
            timed(() -> write(table, Long.parseLong(args[3])));
        }
    }
}
