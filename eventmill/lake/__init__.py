"""The data lake on HDFS: files, partition locations, checkpoint progress, committed batches, Hive tables."""
