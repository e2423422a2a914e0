# Inside new namespaces: sandbox.sh ROOT AGENTSH SCRIPT OUT. Makes a root of memory and runs SCRIPT (first line: its shell) in a session there.
set -e
root=$1 agentsh=$2 script=$3 out=$4
mkdir -p "$root"
mount --make-rprivate /
mount -t tmpfs -o size=512m,mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr home/user root var/log var/mail var/spool/cron var/tmp tmp proc dev sys opt srv run etc boot lake old
mount --rbind /usr usr
mount -o remount,bind,ro usr
for link in bin sbin lib lib64; do [ -e "/usr/$link" ] && ln -s "usr/$link" "$link"; done
# What cannot be read is not needed; secrets of this machine stay outside.
cp -a /etc/. etc/ 2>/dev/null || true
rm -rf etc/shadow* etc/gshadow* etc/ssl/private etc/sudoers* etc/ssh/*key
echo 'nameserver 127.0.0.1' > etc/resolv.conf
for device in null zero random urandom full tty fuse; do : > "dev/$device"; mount --bind "/dev/$device" "dev/$device"; done
mkdir dev/shm dev/pts
mount -t devpts devpts dev/pts || true
ln -s /proc/self/fd dev/fd
mount -t proc proc proc
chmod 1777 tmp var/tmp dev/shm
cp "$agentsh" opt/agentsh
cp "$script" opt/script
: > opt/out
mount --bind "$out" opt/out 2>/dev/null || true
cat > opt/policy.yaml <<'POLICY'
version: 1
name: record
defaults:
  file: allow
  network: allow
  command: allow
POLICY
pivot_root . old
cd /home/user
umount -l /old
ulimit -u 256 -t 10 -f 204800 2>/dev/null || ulimit -t 10
for file in .bashrc .profile .bash_history; do : > "$file"; done
shell=$(head -n 1 /opt/script)
text=$(tail -n +2 /opt/script)
env -i HOME=/home/user USER=user LANG=C.UTF-8 TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    timeout --signal=KILL 12 /opt/agentsh run --quiet --policy /opt/policy.yaml --data-dir /lake --workspace /home/user -- "${shell#??}" -c "$text" || true
/opt/agentsh events --data-dir /lake --format jsonl > /opt/out
