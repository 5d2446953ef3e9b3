"""How full the host's tables are, from files as proc and sysfs have them."""

from clusterlb.drivers.tables import filled


def write(root, **files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def host(root, count="250", files="512\t0\t4096\n"):
    conntrack = "proc/sys/net/netfilter/nf_conntrack_"
    write(
        root,
        **{
            f"{conntrack}count": f"{count}\n",
            f"{conntrack}max": "1000\n",
            "proc/sys/fs/file-nr": files,
            "sys/module/ip_vs/parameters/conn_tab_bits": "12\n",
            "proc/self/limits": "Limit  Soft Limit  Hard Limit  Units\nMax open files  8  1024  files\n",
            "proc/self/fd/0": "",
        },
    )
    return root


def test_shares_in_per_cent_and_the_fuller_of_two_counts_of_files(tmp_path):
    assert filled(1024, host(tmp_path)) == {"conntrack": 25.0, "descriptors": 12.5, "connections": 25.0}
    assert filled(None, host(tmp_path, files="4000\t0\t4096\n"))["descriptors"] > 97


def test_connections_only_where_they_were_counted(tmp_path):
    assert "connections" not in filled(None, host(tmp_path))


def test_what_a_kernel_does_not_have_is_left_out(tmp_path):
    assert filled(5, tmp_path) == {}


def test_this_host_has_files():
    assert 0 < filled()["descriptors"] <= 100
