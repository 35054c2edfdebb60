#!/bin/busybox sh
# The first process of domain 0: starts what Xen's tools need, and then runs the host's lines, those of each port one after another.
/bin/busybox --install -s /sbin
export PATH=/usr/lib/xen-4.17/bin:/usr/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mkdir -p /run/lock /run/xen /dev/pts /var/lock
ln -s /run /var/run
mount -t devpts pts /dev/pts
for module in /modules/*; do insmod $module; done
mount -t xenfs xenfs /proc/xen
xenstored --pid-file /run/xen/xenstored.pid
xen-init-dom0
xenconsoled --pid-file=/run/xen/xenconsoled.pid --log=guest --log-dir=/var/log/xen
for port in /sys/class/virtio-ports/*; do ln -s /dev/${port##*/} /run/$(cat $port/name); done
echo "domain 0 is up after $(cut -d' ' -f1 /proc/uptime) s"

# Leads a host's way to the agent at a socket, once somebody listens there.
reach() {
    (
        until grep -q " 00010000 .* $2\$" /proc/net/unix; do sleep 0.2; done
        exec socat /run/$1 UNIX:$2
    ) 3>&- &
}

# Waits until the tools' log of a domain has so many lines with a text.
logged() {
    until [ "$(grep -c "$2" /var/log/xen/xl-$1.log)" -ge $3 ]; do sleep 0.2; done
}

# Saves a domain, which ends it, and makes it again.
save_and_restore() {
    xl save $1 /run/saved && xl restore /run/saved && rm /run/saved
}

# Has the tools ask a domain to suspend itself, and waits until its log says that it cannot.
is_not_suspended() {
    xenstore-write /local/domain/$(xl domid $1)/control/shutdown suspend
    until grep -q "this guest cannot suspend" /var/log/xen/guest-$1.log; do sleep 0.2; done
}

# Runs the host's lines of a port. The output of each ends with a line of `=` and its status.
run_lines() {
    exec 3<>/run/$1
    while read -r line <&3; do
        eval "$line" >/run/$1.said 2>&1 </dev/null
        status=$?
        cat /run/$1.said >&3
        echo "= $status" >&3
    done
}

for port in /run/lines*; do run_lines ${port##*/} & done
wait
echo "the host's lines have ended"
poweroff -f
