/*
 * From struct statx to struct stat.
 */
#include "io/file_stat.h"

#include <sys/sysmacros.h>

static struct timespec time_of(struct statx_timestamp t)
{
    return (struct timespec){ t.tv_sec, t.tv_nsec };
}

int file_stat(struct file_call *c, struct stat *st)
{
    struct statx x;
    c->op.stat = &x;
    int rc = file_call(c);
    if (rc < 0)
        return rc;
    *st = (struct stat){
        .st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
        .st_ino = x.stx_ino,
        .st_mode = x.stx_mode,
        .st_nlink = x.stx_nlink,
        .st_uid = x.stx_uid,
        .st_gid = x.stx_gid,
        .st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor),
        .st_size = (off_t)x.stx_size,
        .st_blksize = (blksize_t)x.stx_blksize,
        .st_blocks = (blkcnt_t)x.stx_blocks,
        .st_atim = time_of(x.stx_atime),
        .st_mtim = time_of(x.stx_mtime),
        .st_ctim = time_of(x.stx_ctime),
    };
    return 0;
}
